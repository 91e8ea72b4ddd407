"""From differences to findings: the catalogue of checks, the judge, exceptions, coverage."""
