"""The host's address translation: which ports it takes without any socket, and where it sends what arrives there.

``reading`` asks the kernel and the tools that print its rules, ``iptables`` and ``nft`` read what those print into the
form of ``rules``, and ``publish`` makes sockets of what the rules open. Of a firewall this is the part that opens
ports; what it closes is no business of a socket table.
"""
