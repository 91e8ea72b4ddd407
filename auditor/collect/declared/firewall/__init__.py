"""Rules of a host's firewall as declared evidence: which ports they let through, from where, and what is undecided.

``nft_json``, ``iptables_save`` and ``ufw`` read what tools print into ``rules``; ``walk`` leads every first packet of a
connection through them; ``account`` tells what came through.
"""
