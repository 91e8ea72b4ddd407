"""What answers at open TCP ports, found out by speaking: probe evidence goes in, the same with services comes out.

`evidence` is the way in. It gives each port an `interview` (pure: what to say, and what the answers amount to) that
follows a `plan`; the `loop` owns every socket. `registry` gathers the recognisers and greetings of `families`.
"""

from auditor.collect.identify.evidence import Identified, identify

__all__ = ["Identified", "identify"]
