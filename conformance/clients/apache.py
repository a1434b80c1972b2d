"""Debian's Apache in a folder, around the configuration of mod_md that is tried."""

from __future__ import annotations

import os
from pathlib import Path

from conformance.house import House, client

_MODULES = ("mpm_event", "ssl", "md", "authz_core", "socache_shmcb")


def configure(house: House, folder: Path, name: str) -> None:
    """Write what Apache's own configuration says before it includes `md.conf`.

    Args:
        folder: others must get into it, for root's Apache works as another user.
        name: the server's.
    """
    users = "User www-data\nGroup www-data\n" if os.geteuid() == 0 else ""
    modules = "".join(f"LoadModule {one}_module /usr/lib/apache2/modules/mod_{one}.so\n" for one in _MODULES)
    (folder / "httpd.conf").write_text(
        f"{modules}{users}"
        f"ServerRoot {folder}\nServerName {name}\nPidFile httpd.pid\nMutex file:{folder}\n"
        f"ErrorLog error.log\nLogLevel md:debug\n"
        f"Listen 127.0.0.1:{house.http_01_port}\nListen 127.0.0.1:{house.tls_alpn_01_port}\n"
        f"MDStoreDir md\nMDPortMap http:{house.http_01_port} https:{house.tls_alpn_01_port}\n"
        "Include md.conf\n"
    )


def foreground(folder: Path) -> str:
    """The command that runs it until it is stopped."""
    return f"{client('apache2')} -DFOREGROUND -f {folder}/httpd.conf"
