"""A port on which nobody listens counts as shut only where no address translation can publish it."""

from __future__ import annotations

import pytest

from auditor.collect.sockets.remote.frame import Read, Section
from auditor.collect.sockets.remote.translation import doubt

NAT = "nf_nat 61440 2 nft_chain_nat,nf_conntrack, Live 0x0"
NFT = "nf_tables 380928 5 - Live 0x0"


def said(**lines):
    return {
        name: Section(read=Read.DONE, lines=tuple(line.encode() for line in given))
        if given is not None
        else Section(read=Read.DENIED)
        for name, given in ({"modules": (), "builtin": ()} | lines).items()
    }


@pytest.mark.parametrize("root", [True, False])
def test_a_kernel_without_translation_publishes_nothing(root):
    assert doubt(said(), root=root) is None
    assert doubt(said(modules=[NFT]), root=root) is None


def test_rules_are_shown_to_root_alone():
    assert "root alone" in doubt(said(modules=[NAT]), root=False)
    assert "root alone" in doubt(said(modules=None), root=False)
    assert "root alone" in doubt(said(builtin=["kernel/net/netfilter/nf_nat.ko"]), root=False)


def test_root_that_is_shown_no_rule_knows():
    assert doubt(said(modules=[NAT, NFT], nft=["#read"]), root=True) is None
    assert doubt(said(modules=[NAT], legacy=["filter"]), root=True) is None


@pytest.mark.parametrize(
    "lines",
    [
        {"nft": []},
        {"nft": ["tcp dport 80 dnat to 10.0.0.2", "#read"]},
        {"nft": ['xt target "DNAT"', "#read"]},
        {"nft": ["tcp dport 80 redirect to :8080", "#read"]},
        {"nft": ["#read"], "legacy": ["nat", "filter"]},
        {"nft": ["#read"], "legacy6": None},
    ],
)
def test_rules_that_are_there_or_cannot_be_read_leave_doubt(lines):
    assert doubt(said(modules=[NAT, NFT], **lines), root=True)
