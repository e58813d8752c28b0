"""Configures JupyterHub for Footfall. What differs from host to host is said in hub.toml, not here."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import servers  # noqa: E402
import settings  # noqa: E402

hub = settings.read(Path(os.environ.get("FOOTFALL_HUB_SETTINGS", "/etc/footfall-hub/hub.toml")))
c = get_config()  # noqa: F821
servers.make_folders(hub)

# Browsers reach the proxy, on loopback or by TLS. The hub itself is on loopback, and the proxy's orders come by a file.
c.JupyterHub.bind_url = hub.url
c.JupyterHub.ssl_cert, c.JupyterHub.ssl_key = hub.certificate, hub.key
c.JupyterHub.hub_ip, c.JupyterHub.hub_port = "127.0.0.1", hub.hub_port
c.ConfigurableHTTPProxy.command = servers.proxy_command(HERE)
c.ConfigurableHTTPProxy.api_url = servers.socket_url(f"{hub.state}/proxy")
c.ConfigurableHTTPProxy.pid_file = f"{hub.state}/proxy.pid"
c.JupyterHub.cookie_secret_file = f"{hub.state}/cookie_secret"
c.JupyterHub.db_url = f"sqlite:///{hub.state}/hub.sqlite"

# Accounts of this machine with their passwords, and of those only who is named.
c.JupyterHub.authenticator_class = "pam"
c.Authenticator.allowed_users = {*hub.users, *hub.admins}

# Each server runs as its user, in the home.
c.JupyterHub.spawner_class = servers.spawner_class(hub)
c.Spawner.cmd = [str(HERE / "start-server"), sys.executable]
c.Spawner.default_url = "/lab"
c.Spawner.pre_spawn_hook = servers.prepare(hub)
c.Spawner.post_stop_hook = servers.clean_up(hub)
# Many may come at once, when a course begins.
c.Spawner.start_timeout = c.Spawner.http_timeout = 180
c.Spawner.poll_interval = min(30, hub.every_seconds)
c.Spawner.mem_limit, c.Spawner.cpu_limit = hub.memory, hub.cpus
c.SystemdSpawner.isolate_tmp = c.SystemdSpawner.isolate_devices = c.SystemdSpawner.disable_user_sudo = True
c.SystemdSpawner.unit_name_template = "footfall-hub-{USERNAME}"

# Idle kernels are ended by their servers (jupyter_server_config.py), idle servers by this.
culler = [f"--timeout={hub.idle_seconds}", f"--cull-every={hub.every_seconds}", f"--max-age={round(3600 * hub.hours)}"]
c.JupyterHub.services = [{"name": "culler", "command": [sys.executable, "-m", "jupyterhub_idle_culler", *culler]}]

# JupyterHub's own admins may open the servers of all, and so read what they like. Ours may not.
looks = ["list:users", "read:users:activity", "read:servers"]
c.JupyterHub.load_roles = [
    {"name": "culler", "services": ["culler"], "scopes": [*looks, "delete:servers"]},
    {"name": "keeper", "users": hub.admins, "scopes": ["self", "admin-ui", *looks, "servers"]},
]

# On a cluster, one more sees kernels and ends what is forgotten.
if hub.watcher:
    c.JupyterHub.services += [{"name": "watcher", "api_token": Path(hub.watcher).read_text().strip()}]
    c.JupyterHub.load_roles += [{"name": "watcher", "services": ["watcher"], "scopes": [*looks, "access:servers"]}]
