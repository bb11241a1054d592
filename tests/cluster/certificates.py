"""The cluster's certificate authority and the identities that it signs, by openssl. They last 30 days."""

import base64
import json
import ssl
from pathlib import Path

from tests.cluster.commands import run
from tests.cluster.settings import API_SERVICE, NODE_ADDRESS

_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30")
_NAMES = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")
_ADDRESSES = ("127.0.0.1", API_SERVICE, NODE_ADDRESS)
SERVER = f"https://{NODE_ADDRESS}:6443"


def issue(folder: Path, node: str, server: str = SERVER) -> None:
    """Writes ca, apiserver, the clients' certificates and kubeconfigs, and the key that signs tokens."""
    folder.mkdir(parents=True, exist_ok=True)
    run("openssl", "req", "-x509", *_NEW_KEY, "-keyout", folder / "ca.key", "-out", folder / "ca.crt",
        "-subj", "/CN=helios-test-cluster")  # fmt: skip
    _sign(folder, "apiserver", "/CN=kube-apiserver")
    clients = {
        "admin": "/O=system:masters/CN=admin",
        "kubelet": f"/O=system:nodes/CN=system:node:{node}",
        "controller-manager": "/CN=system:kube-controller-manager",
        "scheduler": "/CN=system:kube-scheduler",
        "proxy": "/CN=system:kube-proxy",
    }
    for name, subject in clients.items():
        _sign(folder, name, subject)
        (folder / f"{name}.kubeconfig").write_text(kubeconfig(folder, name, "node", server))
        (folder / f"{name}.kubeconfig").chmod(0o600)
    run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", folder / "tokens.key")
    run("openssl", "ec", "-in", folder / "tokens.key", "-pubout", "-out", folder / "tokens.pub")


def kubeconfig(folder: Path, client: str, context: str, server: str = SERVER) -> str:
    """A kubeconfig for a client, complete in itself. JSON, which YAML's readers take."""
    user = {
        "client-certificate-data": _base64(folder / f"{client}.crt"),
        "client-key-data": _base64(folder / f"{client}.key"),
    }
    cluster = {"server": server, "certificate-authority-data": _base64(folder / "ca.crt")}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": context, "cluster": cluster}],
        "users": [{"name": context, "user": user}],
        "contexts": [{"name": context, "context": {"cluster": context, "user": context}}],
        "current-context": context,
    }
    return json.dumps(document, indent=2) + "\n"


def client_context(files: tuple[Path, Path, Path]) -> ssl.SSLContext:
    """TLS for a client. files: of the authority, of the client's certificate and of its key."""
    authority, certificate, key = files
    context = ssl.create_default_context(cafile=str(authority))
    context.load_cert_chain(certificate, key)
    return context


def _sign(folder: Path, name: str, subject: str) -> None:
    names = ",".join([*(f"DNS:{name}" for name in _NAMES), *(f"IP:{address}" for address in _ADDRESSES)])
    run("openssl", "req", "-x509", "-CA", folder / "ca.crt", "-CAkey", folder / "ca.key", *_NEW_KEY,
        "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.crt", "-subj", subject,
        "-addext", f"subjectAltName={names}", "-addext", "basicConstraints=CA:FALSE")  # fmt: skip


def _base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
