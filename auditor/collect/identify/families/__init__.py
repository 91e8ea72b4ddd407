"""One module a family of protocols: ``RECOGNISERS``, and ``GREETINGS`` by the name of the protocol. Pure."""
