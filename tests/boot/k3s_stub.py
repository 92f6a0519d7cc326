#!/usr/bin/python3
"""Stands for k3s on a card: tells systemd it is ready, writes down how it was called, and does with tokens
and node passwords what k3s does. A server asks for the token of its configuration on port 6443 and holds a
node to the first password it came with; an agent presents both there until it is let in."""

import base64, http.server, json, os, re, socket, ssl, subprocess, sys, threading, time, urllib.request
import yaml

FOLDER = "/var/lib/k3s-stub"


def write_down(name, record):
    os.makedirs(FOLDER, exist_ok=True)
    with open(f"{FOLDER}/{name}", "a") as file:
        file.write(json.dumps(record) + "\n")


def password_of(token):
    """The secret part: k3s takes both `secret` and `K10<hash of the CA>::user:secret`."""
    return token.rsplit(":", 1)[-1]


def serve(config):
    tokens = {password_of(config[key]) for key in ("token", "agent-token") if key in config}
    node_passwords = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            scheme, _, credentials = self.headers.get("Authorization", "").partition(" ")
            user, _, token = base64.b64decode(credentials).decode().partition(":")
            node = self.headers.get("k3s-Node-Name")
            password = self.headers.get("k3s-Node-Password")
            if scheme != "Basic" or user != "node" or token not in tokens:
                verdict, status = "wrong token", 401
            elif node_passwords.setdefault(node, password) != password:
                verdict, status = "wrong node password", 403
            else:
                verdict, status = "welcome", 200
            write_down("visitors", {"node": node, "from": self.client_address[0], "verdict": verdict, "password": password})
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    certificate = f"{FOLDER}/server"
    os.makedirs(FOLDER, exist_ok=True)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                    "-subj", "/CN=k3s-stub", "-keyout", f"{certificate}.key", "-out", f"{certificate}.crt"], check=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{certificate}.crt", f"{certificate}.key")
    server = http.server.ThreadingHTTPServer(("", 6443), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever).start()


def join(config):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with open("/etc/rancher/node/password") as file:
        node_password = file.read().strip()
    credentials = base64.b64encode(f"node:{password_of(config['token'])}".encode()).decode()
    request = urllib.request.Request(f"{config['server']}/v1-k3s/serving-kubelet.crt", headers={
        "Authorization": f"Basic {credentials}", "k3s-Node-Name": config["node-name"], "k3s-Node-Password": node_password})
    while True:
        try:
            urllib.request.urlopen(request, context=context, timeout=10)
            write_down("joined", {"server": config["server"]})
            return
        except OSError as error:
            print(error, flush=True)
            time.sleep(2)


role = sys.argv[1]
with open("/etc/rancher/k3s/config.yaml") as file:
    config = yaml.safe_load(file)
write_down("calls", {"program": os.environ.get("K3S_STUB_NAME"), "arguments": sys.argv[1:], "config": config, "time": time.time(),
                     "environment": sorted(name for name in os.environ if re.match("K3S_(?!STUB)|CONTAINERD_", name))})
serve(config) if role == "server" else join(config)
if "NOTIFY_SOCKET" in os.environ:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.connect(os.environ["NOTIFY_SOCKET"].replace("@", "\0", 1))
        notify.send(b"READY=1")
threading.Event().wait()
