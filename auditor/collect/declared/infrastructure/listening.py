"""On which ports an entrance listens that is not read otherwise, where its block says it plainly."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from auditor.collect.declared.infrastructure.access import UNKNOWN, port_number, span
from auditor.model.ports import Protocol

if TYPE_CHECKING:
    from auditor.model.ports import PortSet

_ENTRANCE = re.compile(
    r"listener|frontend|forwarding_?rule|port_?forward|_(nat|dnat|pat)_rule$|(forward|dnat)_entry$|_lb_rule$|_service$|balancer_config$"
    r"|^aws_(db_instance|redshift_cluster)$|database_cluster$|^scaleway_rdb_instance$"
)
_KEYS = (
    "frontend_port", "external_port", "external_service_port", "public_port", "inbound_port", "listen_port",
    "listener_port", "protocol_port", "port",
)  # fmt: skip
"""What providers call the one port that an entrance listens on; the first that is there is it."""
_MORE = re.compile(r"(^|_)(ports|port_?(range|ranges|start|end|min|max)|(end|start|max|min|last|first)_port)(_|$)")
"""What says that there are others besides."""
_PROTOCOLS = ("protocol", "forwarding_protocol", "frontend_protocol", "listener_protocol", "ip_protocol")
_FIXED = {
    "aws_eks_cluster": 443, "azurerm_kubernetes_cluster": 443, "google_container_cluster": 443,
    "azurerm_bastion_host": 443, "aws_eks_node_group": 22,
    "aws_opensearch_domain": 443, "aws_elasticsearch_domain": 443,
    "azurerm_mssql_server": 1433, "azurerm_sql_server": 1433, "azurerm_mysql_server": 3306,
    "azurerm_mariadb_server": 3306, "azurerm_postgresql_server": 5432, "azurerm_mysql_flexible_server": 3306,
}  # fmt: skip
_TCP = {"tcp", "http", "https", "tls", "ssl", "tcpssl", "terminated_https", "http2", "proxy"}


def listened_on(kind: str, values: dict[str, Any]) -> PortSet | None:
    """Return the ports of an entrance; None: it is none, or does not say, and any may be open."""
    if kind in _FIXED:
        return span(_FIXED[kind], _FIXED[kind], [Protocol.TCP])
    if _ENTRANCE.search(kind) is None or any(_MORE.search(key) and value for key, value in values.items()):
        return None
    told = next((values[key] for key in _KEYS if values.get(key) is not None), None)
    port = None if told is UNKNOWN else port_number(told)
    if port is None or port <= 0:
        return None  # 0 stands for all of them with more than one provider
    protocol = next((values[key] for key in _PROTOCOLS if values.get(key) is not None), None)
    name = str(protocol).lower() if protocol is not UNKNOWN else ""
    protocols = [Protocol.TCP] if name in _TCP else [Protocol.UDP] if name == "udp" else [Protocol.TCP, Protocol.UDP]
    return span(port, port, protocols)
