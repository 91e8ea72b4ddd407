"""Short titles of controls that exposure speaks to, in our own words; the standards themselves say it in full."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

FRAMEWORKS: Mapping[str, str] = MappingProxyType(
    {
        "pci-dss": "PCI DSS 4.0.1",
        "nist-800-53": "NIST SP 800-53 r5",
        "nist-csf": "NIST CSF 2.0",
        "cis-v8": "CIS Controls v8.1",
        "iso-27001": "ISO/IEC 27001:2022",
        "soc2": "SOC 2",
        "nis2": "NIS2 (EU 2024/2690)",
        "bsi": "BSI IT-Grundschutz",
        "nerc-cip": "NERC CIP",
    }
)
"""Prefix of a control's id → name, in the order of the report."""

TITLES: Mapping[str, str] = MappingProxyType(
    {
        "pci-dss:1.2.5": "Services, protocols and ports that are allowed are known, approved and needed",
        "pci-dss:1.2.6": "Insecure services, protocols and ports are identified and made safe",
        "pci-dss:1.2.7": "The network's rules are reviewed every six months",
        "pci-dss:1.2.8": "The network's configuration files are protected and in step with what runs",
        "pci-dss:1.3.1": "Traffic into the cardholder data environment is limited to what is needed",
        "pci-dss:1.3.2": "Traffic out of the cardholder data environment is limited to what is needed",
        "pci-dss:1.4.2": "Traffic from untrusted networks reaches only public or answered services",
        "pci-dss:1.4.4": "Stored cardholder data cannot be reached from untrusted networks",
        "pci-dss:2.2.4": "Only needed services and functions are switched on",
        "pci-dss:2.2.5": "Insecure services that are present are justified and made safe",
        "pci-dss:2.2.7": "Administrative access over the network is encrypted",
        "nist-800-53:CA-7": "Controls are monitored continuously",
        "nist-800-53:CA-9": "Connections inside the system are authorised",
        "nist-800-53:CM-2": "A baseline of the configuration is kept",
        "nist-800-53:CM-3": "Changes of the configuration are controlled",
        "nist-800-53:CM-6": "Settings are fixed, and deviations are approved",
        "nist-800-53:CM-7": "Least functionality: only needed ports and services",
        "nist-800-53:CM-7(1)": "Functions, ports and services are reviewed periodically",
        "nist-800-53:CM-7(3)": "Ports and services are registered as required",
        "nist-800-53:CM-8(3)": "Unauthorised components are detected",
        "nist-800-53:RA-5": "Vulnerabilities are looked for",
        "nist-800-53:SC-7": "Boundaries are monitored and controlled",
        "nist-800-53:SC-7(3)": "Few access points to the outside",
        "nist-800-53:SC-7(5)": "Traffic is denied unless it is allowed",
        "nist-csf:DE.CM-01": "Networks and services are monitored",
        "nist-csf:ID.AM-03": "Permitted communication is known and kept up to date",
        "nist-csf:ID.RA-07": "Changes and exceptions are managed and recorded",
        "nist-csf:PR.IR-01": "Networks are protected from access that nobody allowed",
        "nist-csf:PR.PS-01": "Configuration is managed",
        "cis-v8:4.1": "A secure configuration is kept for machines and software",
        "cis-v8:4.2": "A secure configuration is kept for the network",
        "cis-v8:4.4": "Servers have a firewall",
        "cis-v8:4.5": "End-user devices have a firewall",
        "cis-v8:4.6": "Machines are administered securely",
        "cis-v8:4.8": "Services that are not needed are uninstalled or switched off",
        "cis-v8:12.2": "The network is built securely",
        "cis-v8:13.4": "Traffic between network segments is filtered",
        "iso-27001:8.9": "Configuration management",
        "iso-27001:8.20": "Security of networks",
        "iso-27001:8.21": "Security of network services",
        "iso-27001:8.22": "Separation of networks",
        "soc2:CC6.1": "Logical access is limited to those who need it",
        "soc2:CC6.6": "Systems are protected from threats outside their boundary",
        "soc2:CC7.1": "Changes that open weaknesses are detected",
        "soc2:CC8.1": "Changes are authorised, tested and approved",
        "nis2:6.7.2(c)": "Only needed network services and ports are open",
        "nis2:6.7.2(f)": "Connections and services that are not needed are switched off",
        "bsi:NET.3.2.A2": "Firewall rules are fixed and documented",
        "bsi:SYS.1.1.A6": "Services that are not needed are switched off",
        "bsi:SYS.1.1.A19": "Servers filter packets locally",
        "nerc-cip:007-R1.1": "Only needed logical ports are enabled",
    }
)
