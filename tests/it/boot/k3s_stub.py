#!/usr/bin/python3
"""Stands for k3s on a card: tells systemd it is ready, writes down how it was called, and does with tokens,
node passwords and the server's certificate authority what k3s does. A server shows the authority it has to
everybody and a certificate signed by it, asks for the token of its configuration on port 6443 and holds a node
to the first password it came with. An agent makes sure that the authority is the one of its token, and
presents token and password until it is let in. A further server first has the authority and the manifests given to it by
the server that it joins, as etcd would have them. Where a manifest deploys kube-vip, every server does with the virtual
address what its container would: one of them has it, and where nothing answers there any more, another takes it. A server
has a datastore of sqlite, with a row for every start of it, and writes down which rows it found."""

import base64, contextlib, hashlib, http.server, ipaddress, json, os, re, socket, ssl, struct, subprocess, sys, threading, time, urllib.request
import yaml

FOLDER = "/var/lib/k3s-stub"
AUTHORITY = "/var/lib/rancher/k3s/server/tls/server-ca"
MANIFESTS = "/var/lib/rancher/k3s/server/manifests"
BOOTSTRAP = "/v1-k3s/server-bootstrap"


def write_down(name, record):
    os.makedirs(FOLDER, exist_ok=True)
    with open(f"{FOLDER}/{name}", "a") as file:
        file.write(json.dumps(record) + "\n")


def password_of(token):
    """The secret part: k3s takes both `secret` and `K10<hash of the CA>::user:secret`."""
    return token.rsplit(":", 1)[-1]


def authority_of(token):
    """The SHA-256 of the authority that the server has to have."""
    return re.fullmatch("K10([0-9a-f]{64})::[a-z]+:.*", token).group(1)


def certificate(names):
    """A certificate for addresses and names, signed by the authority."""
    path = f"{FOLDER}/server"
    os.makedirs(FOLDER, exist_ok=True)
    with open(f"{path}.ext", "w") as file:
        kinds = [("IP" if re.fullmatch("[0-9.]+|.*:.*", name) else "DNS") + f":{name}" for name in names]
        file.write(f"subjectAltName={','.join(kinds)}\nbasicConstraints=critical,CA:FALSE\n"
                   "keyUsage=critical,digitalSignature\nauthorityKeyIdentifier=keyid\n")
    for command in ("req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=k3s-stub -keyout PATH.key -out PATH.csr",
                    f"x509 -req -in PATH.csr -CA {AUTHORITY}.crt -CAkey {AUTHORITY}.key -set_serial 1 -days 30 "
                    "-extfile PATH.ext -out PATH.crt"):
        subprocess.run(["openssl", *command.replace("PATH", path).split()], check=True)
    return f"{path}.crt", f"{path}.key"


def own_address():
    """The address that packets to a host beyond the router have; none is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        return probe.getsockname()[0]


def read(folder):
    """The files of a folder, by name."""
    names = os.listdir(folder) if os.path.isdir(folder) else []
    return {name: open(f"{folder}/{name}").read() for name in names if os.path.isfile(f"{folder}/{name}")}


def bootstrap(config):
    """Takes over authority and manifests of the server that is joined: what k3s finds in etcd, by the servers' token."""
    record = json.loads(ask(config, "server", BOOTSTRAP))
    for folder, files in record.items():
        os.makedirs(folder, exist_ok=True)
        for name, content in files.items():
            with open(f"{folder}/{name}", "w") as file:
                file.write(content)


def datastore(config):
    """Adds this start to the datastore, which stays open as k3s's does, and returns those before."""
    import sqlite3
    folder = f"{config.get('data-dir', '/var/lib/rancher/k3s')}/server"
    os.makedirs(f"{folder}/db", mode=0o700, exist_ok=True)
    with open(f"{folder}/token", "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        file.write(f"K10stub::server:{password_of(config['token'])}\n")
    database = sqlite3.connect(f"{folder}/db/state.db", check_same_thread=False)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("CREATE TABLE IF NOT EXISTS starts (machine TEXT)")
    found = [row[0] for row in database.execute("SELECT machine FROM starts")]
    with open("/etc/machine-id") as file:
        database.execute("INSERT INTO starts VALUES (?)", [file.read().strip()])
    database.commit()
    return database, found


def kube_vip():
    """What the manifest tells the container of kube-vip, if one is deployed."""
    for text in read(MANIFESTS).values():
        for document in yaml.safe_load_all(text):
            if document["kind"] == "DaemonSet" and "kube-vip" in document["metadata"]["name"]:
                container = document["spec"]["template"]["spec"]["containers"][0]
                return {variable["name"]: variable.get("value") for variable in container["env"]}
    return None


def announce(interface, address):
    """Tells everybody on the wire who has the address now (RFC 5227, ARP Announcement)."""
    with open(f"/sys/class/net/{interface}/address") as file:
        own = bytes.fromhex(file.read().strip().replace(":", ""))
    packed = ipaddress.ip_address(address).packed
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
        wire.bind((interface, 0))
        wire.send(b"\xff" * 6 + own + struct.pack("!HHHBBH", 0x0806, 1, 0x0800, 6, 4, 1) + own + packed + bytes(6) + packed)


def hold_virtual_address(settings, own_address):
    address, interface = settings["address"], settings["vip_interface"]
    # In the cluster a lease decides who takes it. Here the nodes are differently patient.
    patience = 4 * (int(own_address.rsplit(".", 1)[-1]) % 10)
    missed, holds = 0, False
    while True:
        time.sleep(1)
        if holds:
            announce(interface, address)
            continue
        try:
            socket.create_connection((address, int(settings["port"])), timeout=2).close()
            missed = 0
        except OSError:
            missed += 1
        if missed > patience:
            subprocess.run(["ip", "address", "add", f"{address}/{settings['vip_subnet']}", "dev", interface], check=True)
            write_down("virtual_address", {"taken": address})
            holds = True


def serve(config):
    if "server" in config:
        bootstrap(config)
    tokens = {password_of(config[key]) for key in ("token", "agent-token") if key in config}
    node_passwords = {}
    address = config["node-ip"].split(",")[0] if "node-ip" in config else own_address()
    with open(f"{AUTHORITY}.crt", "rb") as file:
        authority = file.read()

    def listed(node):
        """A node as the API of Kubernetes lists it, ready as soon as it was let in."""
        return {"metadata": {"name": node, "creationTimestamp": started},
                "status": {"conditions": [{"type": "Ready", "status": "True"}], "nodeInfo": {"kubeletVersion": "v1.36.4+k3s1"}}}

    started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self, status, body=b""):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self):
            if self.path == "/cacerts":
                return self.answer(200, authority)
            if self.path in ("/readyz", "/api/v1/nodes"):
                if not self.connection.getpeercert():
                    return self.answer(401)
                items = [listed(node) for node in [config["node-name"], *node_passwords]]
                return self.answer(200, b"ok" if self.path == "/readyz" else json.dumps({"items": items}).encode())
            scheme, _, credentials = self.headers.get("Authorization", "").partition(" ")
            user, _, token = base64.b64decode(credentials).decode().partition(":")
            node = self.headers.get("k3s-Node-Name")
            password = self.headers.get("k3s-Node-Password")
            if self.path == BOOTSTRAP:
                if (user, token) != ("server", password_of(config["token"])):
                    return self.answer(401)
                record = {folder: read(folder) for folder in (os.path.dirname(AUTHORITY), MANIFESTS)}
                return self.answer(200, json.dumps(record).encode())
            if scheme != "Basic" or user != "node" or token not in tokens:
                verdict, status = "wrong token", 401
            elif node_passwords.setdefault(node, password) != password:
                verdict, status = "wrong node password", 403
            else:
                verdict, status = "welcome", 200
            write_down("visitors", {"node": node, "from": self.client_address[0], "verdict": verdict, "password": password})
            self.answer(status)

        def log_message(self, *_):
            pass

    class Server(http.server.ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in address else socket.AF_INET

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate([address, *config.get("tls-san", [])]))
    # As k3s: whoever shows a certificate of the authority for clients is asked for nothing else.
    clients = f"{os.path.dirname(AUTHORITY)}/client-ca.crt"
    if os.path.exists(clients):
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(clients)
    server = Server(("", 6443), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever).start()
    if settings := kube_vip():
        threading.Thread(target=hold_virtual_address, args=(settings, address)).start()


def ask(config, user, path):
    """The answer of the server that is joined, once it is there."""
    with open("/etc/rancher/node/password") as file:
        node_password = file.read().strip()
    credentials = base64.b64encode(f"{user}:{password_of(config['token'])}".encode()).decode()
    request = urllib.request.Request(f"{config['server']}{path}", headers={
        "Authorization": f"Basic {credentials}", "k3s-Node-Name": config["node-name"], "k3s-Node-Password": node_password})
    anybody = ssl.create_default_context()
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
    while True:
        try:
            with urllib.request.urlopen(f"{config['server']}/cacerts", context=anybody, timeout=60) as answer:
                authority = answer.read()
            if hashlib.sha256(authority).hexdigest() != authority_of(config["token"]):
                raise OSError("the server's certificate authority is not the one of the token")
            trusted = ssl.create_default_context(cadata=authority.decode())
            with urllib.request.urlopen(request, context=trusted, timeout=60) as answer:
                return answer.read()
        except OSError as error:
            print(error, flush=True)
            time.sleep(2)


def join(config):
    ask(config, "node", "/v1-k3s/serving-kubelet.crt")
    write_down("joined", {"server": config["server"]})


if sys.argv[1:] == ["--version"]:
    print("k3s version v1.36.4+k3s1 (stub)")
    sys.exit()
role = sys.argv[1]
with open("/etc/rancher/k3s/config.yaml") as file:
    config = yaml.safe_load(file)
write_down("calls", {"arguments": sys.argv[1:], "config": config, "time": time.time(),
                     "environment": sorted(name for name in os.environ if re.match("K3S_|CONTAINERD_", name))})
if role == "server":
    # Without the module, which Raspberry Pi OS has, there is no datastore.
    with contextlib.suppress(ImportError):
        database, found = datastore(config)
        write_down("datastore", {"found": found})
serve(config) if role == "server" else join(config)
if "NOTIFY_SOCKET" in os.environ:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.connect(os.environ["NOTIFY_SOCKET"].replace("@", "\0", 1))
        notify.send(b"READY=1")
threading.Event().wait()
