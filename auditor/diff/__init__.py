"""Expected against observed: attribute evidence to hosts, gather it by subject, reconcile it into one state a port."""
