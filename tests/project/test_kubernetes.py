"""The manifests of docs/kubernetes.md are what Kubernetes's API accepts."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

kubernetes_validate = pytest.importorskip("kubernetes_validate", reason="it is in the group dev, from Python 3.13 on")

PAGE = (Path(__file__).parents[2] / "docs" / "kubernetes.md").read_text(encoding="utf-8")
MANIFESTS: dict[str, Any] = {
    manifest["kind"]: manifest
    for block in re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    for manifest in yaml.safe_load_all(block)
}
VERSIONS = sorted(set(re.findall(r"\b1\.\d\d\b", PAGE.split("\n\n")[1])))  # those that the page says it was tried with


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", MANIFESTS)
def test_each_manifest_is_what_the_schema_of_the_api_wants(kind: str, version: str) -> None:
    """A field that the API does not know is refused, too."""
    kubernetes_validate.validate(MANIFESTS[kind], version, strict=True)


def test_a_misspelt_field_is_refused() -> None:
    """In the depth of a manifest."""
    text = yaml.safe_dump(MANIFESTS["CronJob"])
    wrong = yaml.safe_load(text.replace("readOnlyRootFilesystem", "readOnlyRootFileSystem"))
    with pytest.raises(kubernetes_validate.ValidationError, match="readOnlyRootFileSystem"):
        kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)


def test_what_a_job_refers_to_is_on_the_page() -> None:
    """The API accepts a name that nothing has: the job would wait for it."""
    assert set(MANIFESTS) == {"Secret", "ConfigMap", "PersistentVolumeClaim", "CronJob"}
    pod = MANIFESTS["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    state, secret = pod["volumes"]
    assert state["persistentVolumeClaim"]["claimName"] == MANIFESTS["PersistentVolumeClaim"]["metadata"]["name"]
    assert secret["secret"]["secretName"] == MANIFESTS["Secret"]["metadata"]["name"]
    assert container["envFrom"] == [{"configMapRef": {"name": MANIFESTS["ConfigMap"]["metadata"]["name"]}}]
    mounted = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounted == {state["name"]: "/state", secret["name"]: "/secret"}
    (password,) = MANIFESTS["Secret"]["stringData"]
    assert MANIFESTS["ConfigMap"]["data"]["MQTT_BROKER_PASSWD_FILE"] == f"/secret/{password}"
