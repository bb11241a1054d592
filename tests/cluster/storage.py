"""Volumes to claim: the class `standard`, default as in kind, over a few folders of the machine.

kind provisions them with a controller from an image. Here they are there from the start, which is enough for
tests and needs no image. They are removed with the cluster.
"""

from collections.abc import Iterator

from tests.cluster.place import Place

COUNT = 48
_STORAGE_CLASS = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {"name": "standard", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
    "provisioner": "kubernetes.io/no-provisioner",
    "volumeBindingMode": "WaitForFirstConsumer",
}


def volumes(place: Place) -> Iterator[object]:
    """The class and COUNT persistent volumes. Makes their folders, open to every user: pods run as any."""
    yield _STORAGE_CLASS
    for number in range(COUNT):
        folder = place.state / "volumes" / f"{number:02d}"
        folder.mkdir(parents=True)
        folder.chmod(0o777)
        yield {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": f"volume-{number:02d}"},
            "spec": {
                "capacity": {"storage": "100Gi"},
                "accessModes": ["ReadWriteOnce", "ReadWriteMany"],
                "persistentVolumeReclaimPolicy": "Retain",
                "storageClassName": "standard",
                "hostPath": {"path": str(folder), "type": "Directory"},
            },
        }
