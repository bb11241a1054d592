"""What a user can get wrong, rule by rule: what is refused, in which words, and the neighbour that is taken.

A row stands for one rule at one or several fields. The words are what the reader of a failed `kubectl apply` sees.

Long, because it is one table of all rules.
"""

from dataclasses import dataclass
from typing import Any

from helios_crds.paths import PATH_TEXT
from tests.integration.operator.schemas import JOB, TARGET

Object = dict[str, Any]
HEADERS = {"headersFrom": {"secretRef": {"name": "preview"}}}
JOB_SPEC = {"url": "s3://media/jobs/a/job.json", "sha256": "0" * 64}


@dataclass(frozen=True)
class Row:
    """One rule. paths: fields that it holds at; bad and good: values there."""

    kind: str
    paths: tuple[str, ...]
    says: str
    bad: tuple[Any, ...]
    good: tuple[Any, ...]


def job(*paths: str, says: str, bad: list[Any], good: list[Any]) -> Row:
    return Row(JOB, paths, says, tuple(bad), tuple(good))


def target(*paths: str, says: str, bad: list[Any], good: list[Any]) -> Row:
    return Row(TARGET, paths, says, tuple(bad), tuple(good))


def usual(kind: str, path: str) -> Object:
    """A spec in which a field can be set: what it stands beside is there, what excludes it is not."""
    return _usual_job(path) if kind == JOB else _usual_target(path)


def _usual_job(path: str) -> Object:
    sources: dict[str, Object] = {
        "composition.url": {"url": "s3://media/teaser/"},
        "composition.entry": {"url": "s3://media/teaser/"},
        "composition.jobSpec.url": {"jobSpec": JOB_SPEC},
        "composition.jobSpec.sha256": {"jobSpec": JOB_SPEC},
        "composition.configMap": {"configMap": {"name": "teaser"}},
        "composition.configMap.name": {"configMap": {"name": "teaser"}},
        "composition.headersFrom.secretRef": {"url": "https://films.example/a", **HEADERS},
        "composition.headersFrom.secretRef.name": {"url": "https://films.example/a", **HEADERS},
    }
    inline = {"inline": "<p>", "propsFrom": [{"configMapKeyRef": {"name": "brand", "key": "props.json"}}]}
    return {
        "composition": sources.get(path, inline),
        "audio": {"tracks": [{"url": "s3://media/a.wav"}]},
        "execution": {"targets": [{"name": "kubernetes"}]},
        "artifacts": {"credentialsRef": {"name": "media-writer"}},
        "output": {"url": "s3://media/out/teaser.mp4"},
    }


def _usual_target(path: str) -> Object:
    if path.startswith("lambda"):
        return {"lambda": {"functionName": "helios-worker", "region": "eu-west-1"}}
    if path.startswith("cloudRun"):
        runs = {} if path == "cloudRun.job" else {"service": "worker"}
        return {"cloudRun": {**runs, "region": "europe-west1", "project": "media-1234"}}
    variable: Object = {"name": "LANG"}
    if ".valueFrom." in path:
        source = path.split(".")[4]
        variable["valueFrom"] = {source: {} if source == "fieldRef" else {"name": "a", "key": "b"}}
    pod = {
        "tolerations": [{"key": "gpu", "effect": "NoExecute"}],
        "imagePullSecrets": [{"name": "registry"}],
        "env": [variable],
    }
    return {
        "kubernetes": {"pod": pod},
        "allowedNamespaces": ["films"],
        "allowedStores": ["s3://media/"],
        "allowedSources": ["s3://a/"],
        "allowedAddresses": ["a"],
    }


URL = (
    "must be a URL that begins with file:///, http://, https://, s3://, gs:// or az://, "
    "without spaces and without a password"
)
STORE = (
    "must be the URL of a bucket or folder that begins with s3://, gs://, az:// or file:///, "
    "without spaces and without a password"
)
TWO_WAYS = (
    "could be read in two ways: leave out ?, #, \\, .., two slashes in a row and escaped slashes and dots; "
    "in a bucket write names without escapes, elsewhere %25 for %"
)
NAME = "must be a name of lower-case letters, digits, - and ., with a letter or digit at both ends"
LABEL = "must be a label's value: letters, digits, -, _ and ., with a letter or digit at both ends"
KEY = "must be a key of letters, digits, -, _ and ."
QUANTITY = "must be a quantity that is not negative, such as 2, 500m or 4Gi"

BAD_NAMES = ["", "A", "a_b", "-a", "a-", ".a", "a..b", "a/b", "a b", "ä", "a\n", "../a"]
GOOD_NAMES = ["a", "0", "a-b.c", "a" * 253]
BAD_URLS = ["", "teaser", "/teaser", "file://teaser", "ftp://host/a", "javascript:0", "s3://", "s3:///a",
            "S3://media/a", "http://host/a b", "http://host/a\n", "https://user:secret@host/a"]  # fmt: skip
GOOD_URLS = ["file:///a/b.html", "http://host", "https://host/a?b=c@d#e", "s3://media", "gs://media/a@2x", "az://c/a"]
BAD_DURATIONS = ["", "5", "s", "-5m", "1 week", "P1D", "1m2h", "1.5h", "1e3s", "٣s", "5m\n"]
GOOD_DURATIONS = ["90s", "1h30m", "250ms", "1m250ms", "2.5s"]
BAD_AMOUNTS = ["", "-1", "1,5", "1.", ".5", "1e3", "5 EUR", "1.2345678901234"]

ROWS = [
    # --- RenderJob
    job("composition", says="give exactly one of url, inline, configMap and jobSpec",
        bad=[{}, {"url": "s3://media/a", "inline": "<p>"}, {"inline": "<p>", "configMap": {"name": "a"}},
             {"configMap": {"name": "a"}, "jobSpec": JOB_SPEC}],
        good=[{"url": "s3://media/a"}, {"inline": "<p>"}, {"configMap": {"name": "a"}}, {"jobSpec": JOB_SPEC}]),
    job("composition", says="a jobSpec has its own props: leave props and propsFrom out",
        bad=[{"jobSpec": JOB_SPEC, "props": {"title": "Autumn"}},
             {"jobSpec": JOB_SPEC, "propsFrom": [{"configMapKeyRef": {"name": "a", "key": "b"}}]}],
        good=[{"jobSpec": JOB_SPEC}, {"url": "s3://media/a", "props": {"title": "Autumn"}}]),
    job("composition", says="a jobSpec has its own query, timeZone, locale, colorScheme and waitFor: leave them out",
        bad=[{"jobSpec": JOB_SPEC, "query": "?a"}, {"jobSpec": JOB_SPEC, "timeZone": "Europe/Berlin"},
             {"jobSpec": JOB_SPEC, "waitFor": "#a"}],
        good=[{"jobSpec": JOB_SPEC}, {"url": "s3://media/a", "timeZone": "UTC", "locale": "de-DE", "waitFor": "#a"}]),
    job("composition",
        says="headersFrom needs a url that begins with http:// or https://: its server alone is sent the headers",
        bad=[{"url": "s3://media/a", **HEADERS}, {"inline": "<p>", **HEADERS}, {"jobSpec": JOB_SPEC, **HEADERS}],
        good=[{"url": "https://films.example/a", **HEADERS}, {"url": "http://films/a", **HEADERS}]),
    job("composition",
        says="the url of a page on the web has its own query: write it at the end of url, and leave query out",
        bad=[{"url": "https://films.example/a", "query": "?b"}, {"url": "http://films/a?x=.zip", "query": "#c"}],
        good=[{"url": "https://films.example/a?b"}, {"url": "https://films.example/a.TAR.gz?s=1", "query": "?b"},
              {"url": "s3://media/a", "query": "?b"}, {"configMap": {"name": "a"}, "query": "?b"}]),
    job("composition",
        says="entry is a page in a folder, an archive or a ConfigMap: leave it out where the page itself is given",
        bad=[{"inline": "<p>", "entry": "a.html"}, {"jobSpec": JOB_SPEC, "entry": "a.html"},
             {"url": "https://films.example/a", "entry": "a.html"}, {"url": "s3://media/a.html", "entry": "b.html"}],
        good=[{"inline": "<p>", "entry": "index.html"}, {"configMap": {"name": "a"}, "entry": "a.html"},
              {"url": "https://films.example/a.zip", "entry": "a.html"}, {"url": "s3://media/a", "entry": "b.html"}]),
    job("composition.timeZone", says="must be the name of a time zone, such as Europe/Berlin, America/New_York or UTC",
        bad=["", "+02:00", "Europe/", "a b", "UTC\n"], good=["UTC", "Etc/GMT+5", "America/Argentina/Salta"]),
    job("composition.locale", says="must be a language with its region, such as de-DE, pt-BR or zh-Hant-TW",
        bad=["", "german", "de_DE", "de-", "de-DE\n"], good=["de", "de-DE", "zh-Hant-TW", "es-419"]),
    job("composition.waitFor", says="must be one line without control characters",
        bad=["#a\n", "#a\t.b", "\x7f"], good=["#a .b", "[data-ready='yes']"]),
    job("composition.waitFor", says="must be a CSS selector, such as #ready or body.loaded",
        bad=[" ", "   "], good=["p", "#ready", "body.loaded > :not([hidden])"]),
    job("composition.query", says="must be without spaces and control characters: write %20 for a space",
        bad=["?a b", "#a\n", "?\x7f"], good=["?a%20b", "#ä"]),
    job("composition.query", says="must be a query, a fragment or both, such as ?lang=de#intro",
        bad=["a", "lang=de", "a?b", "&a"], good=["", "?", "#", "?lang=de", "#intro", "?a=b#c?d#e"]),
    job("composition.url", "composition.jobSpec.url", "audio.tracks[0].url", says=URL, bad=BAD_URLS, good=GOOD_URLS),
    job("composition.jobSpec.sha256", says="must be a SHA-256 in 64 lower-case hexadecimal digits",
        bad=["", "0" * 63, "A" * 64, "g" * 64], good=["0123456789abcdef" * 4]),
    job("composition.inline",
        says="inline has more than 131072 bytes of UTF-8: put the page into a ConfigMap, a folder or a bucket",
        bad=["\N{CLAPPER BOARD}" * 32769, "ä" * 65537, "x" * 131071 + "ä"],
        good=["\N{CLAPPER BOARD}" * 32768, "ä" * 65536, "x" * 131072]),
    job("composition.entry", says=PATH_TEXT,
        bad=["/index.html", "..", "../index.html", "a/../../b.html", "a/..", "./a", "a//b", "a\\b", "%2e%2e/a", "a\n"],
        good=["index.html", "a/b..html", "a b.html", "100%.html", "ü.html"]),
    job("composition.configMap.name", "composition.propsFrom[0].configMapKeyRef.name", "execution.targets[0].name",
        "artifacts.credentialsRef.name", "composition.headersFrom.secretRef.name",
        says=NAME, bad=BAD_NAMES, good=GOOD_NAMES),
    job("composition.propsFrom[0].configMapKeyRef.key", says=KEY, bad=["", "a/b", "a b", "ä"],
        good=["a.json", "A_b-c"]),
    job("video", says="give frames or duration, not both: frames = duration × fps, rounded",
        bad=[{"frames": 30, "duration": "1s"}], good=[{"frames": 30}, {"duration": "1s"}, {}]),
    job("video.fps", says='fps must be exact: write 30, or a fraction in quotes such as "30000/1001" for 29.97',
        bad=["29.97", "NTSC", "", "0", "0/1", "1/0", "-30", "+30", "30/1/1", "30 ", "30/", "/30", "030", "٣", "3e1"],
        good=[30, 1, 240, "30", "30000/1001", "1/10", "240000000/1000000"]),
    job("video.fps", says="fps must be at least 1/1000 and at most 240",
        bad=[0, -1, 241, 2**31 - 1, "241", "241/1", "999999999/1", "1/1001", "1/999999999", "2/2001"],
        good=[240, "240/1", "1/1000", "999999999/999999999"]),
    job("video.duration", "chunking.targetDuration", "execution.startTimeout", "execution.chunkTimeout",
        "execution.activeDeadline", "execution.frameTimeout", "execution.stragglers.minimum",
        "audio.tracks[0].duration",
        says="must be a duration above zero: write 90s, 1h30m or 250ms",
        bad=[*BAD_DURATIONS, "0s", "0h0m0s", "0.000s"], good=GOOD_DURATIONS),
    job("audio.tracks[0].start", "audio.tracks[0].trim", "audio.tracks[0].fadeIn", "audio.tracks[0].fadeOut",
        "ttlAfterFinished",
        says="must be a duration: write 90s, 1h30m or 250ms", bad=BAD_DURATIONS, good=[*GOOD_DURATIONS, "0s"]),
    job("audio.bitrate", says="must be in kilobits per second, such as 192k",
        bad=["", "0k", "192", "192K", "1M", "-1k", "99999k"], good=["1k", "192k", "9999k"]),
    job("audio.loudness", says='must be a loudness, such as "-14 LUFS"',
        bad=["", "-14", "14 LUFS", "-14LUFS", "-14 dB", "-1.25 LUFS"], good=["-14 LUFS", "-23.5 LUFS"]),
    job("chunking", says="give at most one of targetDuration, frames and count",
        bad=[{"frames": 150, "count": 24}, {"frames": 150, "targetDuration": "60s"},
             {"count": 2, "targetDuration": "60s"}],
        good=[{}, {"frames": 150}, {"count": 24}, {"targetDuration": "60s"}]),
    job("execution.budget", says='must be an amount in quotes with at most four decimals, such as "5.00"',
        bad=[*BAD_AMOUNTS, "1.23456"], good=["0", "5.00", "1.2345"]),
    job("artifacts.url", says=STORE, bad=[*BAD_URLS, "http://host/a/"],
        good=["s3://media/artifacts/", "file:///artifacts"]),
    job("output.url", says=STORE, bad=[*BAD_URLS, "https://host/a.mp4"],
        good=["s3://media/a.mp4", "file:///out/a.mp4"]),
    job("composition.url", "composition.jobSpec.url", "audio.tracks[0].url", "artifacts.url", "output.url",
        says=TWO_WAYS,
        bad=["file:///artifacts/..?x", "s3://media/a/../b", "s3://media//a", "s3://media/a%20b", "file:///a/%2e%2e/b"],
        good=["s3://media/a..b", "file:///my%20films/a.mp4"]),
    job("output.url", says="must name a file, such as s3://media/out/teaser.mp4",
        bad=["s3://media/out/", "file:///", "s3://media", "s3://media/"],
        good=["s3://media/out/teaser.mp4", "file:///a", "s3://media/..a/.b/c..mp4"]),
    job("output.url", says="must not contain a name of more than 220 bytes: files cannot have longer ones",
        bad=[f"s3://media/{'a' * 221}", f"file:///{'é' * 111}", f"s3://media/{'a' * 255}/b"],
        good=[f"s3://media/{'a' * 220}", f"file:///{'é' * 110}"]),
    # --- RenderTarget
    target("", says="give exactly one of kubernetes, lambda and cloudRun",
           bad=[{"maxConcurrent": 1}, {"kubernetes": {}, "lambda": {"functionName": "helios", "region": "eu-west-1"}}],
           good=[{"kubernetes": {}}, {"lambda": {"functionName": "helios", "region": "eu-west-1"}}]),
    target("kubernetes.queueName", says=NAME, bad=BAD_NAMES, good=["renders", "a" * 63]),
    target("kubernetes.pod.serviceAccountName", "kubernetes.pod.priorityClassName", "kubernetes.pod.runtimeClassName",
           "kubernetes.pod.imagePullSecrets[0].name", says=NAME, bad=BAD_NAMES, good=GOOD_NAMES),
    target("kubernetes.pod.env[0].valueFrom.secretKeyRef.name", "kubernetes.pod.env[0].valueFrom.configMapKeyRef.name",
           says=NAME, bad=["", "A_b"], good=["media"]),
    target("kubernetes.pod.env[0].valueFrom.secretKeyRef.key", "kubernetes.pod.env[0].valueFrom.configMapKeyRef.key",
           says=KEY, bad=["", "a/b"], good=["AWS_SECRET_ACCESS_KEY"]),
    target("kubernetes.pod.resources", says="a request is above its limit: lower it, or raise the limit",
           bad=[{"requests": {"cpu": "1500m"}, "limits": {"cpu": 1}},
                {"requests": {"memory": "2Gi"}, "limits": {"memory": "2G"}}],
           good=[{"requests": {"cpu": "1500m"}, "limits": {"cpu": 2}}, {"requests": {"cpu": 2}, "limits": {"cpu": 2}},
                 {"requests": {"cpu": 8}, "limits": {"memory": "1Gi"}}, {"requests": {"cpu": 8}}, {}]),
    target("kubernetes.pod.resources.requests.k0", "kubernetes.pod.resources.limits.k0", says=QUANTITY,
           bad=["", "banana", "1 Gi", "1GB", "-1", -1, "1,5", "0x10", "∞"],
           good=[0, 2, "2", "500m", "4Gi", "1.5", "1e3"]),
    target("kubernetes.pod.nodeSelector.k0", "kubernetes.pod.labels.k0", "kubernetes.pod.tolerations[0].value",
           says=LABEL,
           bad=["a b", "-a", "a-", "ä", "a/b"], good=["", "a", "A_b-c.1"]),
    target("kubernetes.pod.tolerations[0].key",
           says="must be the key of a taint, such as node.kubernetes.io/unreachable",
           bad=["", "a b", "/a", "a/", "A.b/c", "a/b/c"], good=["gpu", "node.kubernetes.io/unreachable"]),
    target("kubernetes.pod.tolerations[0]", says="Exists takes no value: leave it out",
           bad=[{"key": "gpu", "operator": "Exists", "value": "a100"}],
           good=[{"key": "gpu", "operator": "Exists"}, {"key": "gpu", "value": "a100"}]),
    target("kubernetes.pod.tolerations[0]", says="without a key, which stands for all taints, operator must be Exists",
           bad=[{}, {"value": "a100"}], good=[{"operator": "Exists"}]),
    target("kubernetes.pod.tolerations[0]", says="tolerationSeconds needs effect NoExecute",
           bad=[{"key": "gpu", "tolerationSeconds": 5}, {"key": "gpu", "effect": "NoSchedule", "tolerationSeconds": 5}],
           good=[{"key": "gpu", "effect": "NoExecute", "tolerationSeconds": 5}]),
    target("kubernetes.pod.env[0]",
           says="names that start with HELIOS_ are reserved for the operator, except for those with HELIOS_STORE_",
           bad=[{"name": "HELIOS_TERMINATION_LOG", "value": "/etc/passwd"}, {"name": "HELIOS_"},
                {"name": "HELIOS_ALLOWED_STORES", "value": "s3://theirs/"}, {"name": "HELIOS_ALLOWED_ADDRESSES"},
                {"name": "HELIOS_STORE", "value": "1"}],
           good=[{"name": "HELIOS", "value": "1"}, {"name": "MY_HELIOS_", "value": "1"},
                 {"name": "HELIOS_STORE_STALL_SECONDS", "value": "5"}]),
    target("kubernetes.pod.browserSandbox.seccompProfile", says="must be a relative path",
           bad=["", "/etc/passwd", "a//b", "a b"], good=["chromium.json", "profiles/chromium.json"]),
    target("kubernetes.pod.env[0]", says="give value or valueFrom, not both",
           bad=[{"name": "A", "value": "1", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}],
           good=[{"name": "A", "value": "1"},
                 {"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}]),
    target("kubernetes.pod.env[0].name", says="must consist of letters, digits and _, and not begin with a digit",
           bad=["", "1A", "A-B", "A B", "Ä", "A=B"], good=["_", "LANG", "a1"]),
    target("kubernetes.pod.env[0].valueFrom", says="give exactly one of secretKeyRef, configMapKeyRef and fieldRef",
           bad=[{}, {"secretKeyRef": {"name": "a", "key": "b"}, "fieldRef": {"fieldPath": "spec.nodeName"}}],
           good=[{"secretKeyRef": {"name": "a", "key": "b", "optional": True}}]),
    target("lambda.functionName", says="must be the name or the ARN of a function", bad=["", "a b", "a/b"],
           good=["helios-worker", "arn:aws:lambda:eu-west-1:123456789012:function:helios-worker:$LATEST"]),
    target("lambda.region", says="must be a region of AWS, such as eu-west-1",
           bad=["", "europe", "EU-WEST-1", "eu-west-1a"],
           good=["eu-west-1", "us-gov-west-1"]),
    target("cloudRun", says="give exactly one of service and job",
           bad=[{"region": "europe-west1", "project": "media"},
                {"region": "europe-west1", "project": "media", "service": "a", "job": "b"}],
           good=[{"region": "europe-west1", "project": "media", "service": "a"},
                 {"region": "europe-west1", "project": "media", "job": "b"}]),
    target("cloudRun.service", "cloudRun.job",
           says="must consist of lower-case letters, digits and -, and begin with a letter", bad=["", "1a", "a_b", "A"],
           good=["a", "helios-worker"]),
    target("cloudRun.region", says="must be a region of Google Cloud, such as europe-west1",
           bad=["", "europe", "eu-west-1"],
           good=["europe-west1", "northamerica-northeast1"]),
    target("cloudRun.project", says="must be the ID of a project, such as media-1234", bad=["", "1media", "Media"],
           good=["media-1234", "example.com:media"]),
    target("allowedNamespaces[0]", says="must be the name of a namespace, or * for all",
           bad=["", "**", "films-*", "a.b", "A"], good=["*", "films"]),
    target("allowedStores[0]", says=STORE,
           bad=["", "*", "junk", "media", "s3://", "http://host/", "s3://key:secret@media/"],
           good=["s3://media", "file:///artifacts/"]),
    target("allowedStores[0]", "allowedSources[0]", says=TWO_WAYS, bad=["s3://media/../b", "file:///a?x", "gs://media/a%2fb"],
           good=["s3://media/{namespace}/", "file:///my%20films/"]),
    target("allowedSources[0]", says=STORE, bad=["", "*", "http://host/"], good=["s3://templates/", "s3://media"]),
    target("allowedStores[0]",
           says="may contain {namespace} once, as a part of the bucket's name or as the whole name of a folder",
           bad=["s3://media/{namespace}/{namespace}/", "s3://{namespace}/{namespace}/", "s3://media/{name}/",
                "s3://media/a-{namespace}/", "s3://media/{", "s3://media/{}/"],
           good=["s3://media/{namespace}", "s3://media/{namespace}/artifacts/", "s3://{namespace}-media/",
                 "s3://media/films/{namespace}/"]),
    target("allowedAddresses[0]",
           says="must be a host such as fonts.internal or fonts.internal:8443, or a network such as 10.0.0.0/8",
           bad=["", "a,b", "http://host", "host/path", "*.internal", "a b", "10.0.0.0/x", "host:"],
           good=["fonts.internal", "fonts.internal:8443", "10.0.0.0/8", "10.1.2.3", "fd00::/8", "[fd00::1]:8443"]),
    target("price.perGiBSecond", "price.perRequest",
           says='must be an amount in quotes with at most 12 decimals, such as "0.0000166667"',
           bad=BAD_AMOUNTS, good=["0", "0.0000166667"]),
]  # fmt: skip

FROZEN = "cannot be changed: it shapes the film; apply the change under another name"
# Field, before, after; None: left out.
CHANGES: list[tuple[str, Object | None, Object | None]] = [
    ("composition", {"inline": "<p>"}, {"inline": "<b>"}),
    ("composition", {"inline": "<p>"}, {"url": "s3://media/a"}),
    ("composition", {"inline": "<p>"}, {"inline": "<p>", "seed": 1}),
    ("composition", {"inline": "<p>"}, {"inline": "<p>", "props": {}}),
    ("composition", {"inline": "<p>", "props": {"a": {"b": 1}}}, {"inline": "<p>", "props": {"a": {"b": 2}}}),
    ("composition", {"inline": "<p>", "props": {"a": 1}}, {"inline": "<p>"}),
    ("video", None, {}),
    ("video", {"fps": 30}, None),
    ("video", {"fps": 30}, {"fps": 60}),
    ("video", {"fps": 30}, {"fps": "30"}),
    ("video", {"fps": 30}, {"fps": 30, "width": 1920}),
    ("audio", None, {"codec": "none"}),
    ("audio", {"codec": "none"}, None),
    ("audio", {"codec": "none"}, {"codec": "aac"}),
    ("chunking", None, {"count": 24}),
    ("chunking", {"count": 24}, None),
    ("chunking", {"count": 24}, {"count": 25}),
    ("artifacts", None, {"url": "s3://media/a/"}),
    ("artifacts", {"url": "s3://media/a/"}, None),
    ("artifacts", {"url": "s3://media/a/"}, {"url": "s3://media/b/"}),
    ("output", None, {"url": "s3://media/a.mp4"}),
    ("output", {"url": "s3://media/a.mp4"}, None),
    ("output", {"url": "s3://media/a.mp4"}, {"url": "s3://media/b.mp4"}),
]
CHANGEABLE: list[tuple[str, Any]] = [
    ("suspend", True),
    ("ttlAfterFinished", "1h"),
    ("execution.parallelism", 64),
    ("execution.targets", [{"name": "spot", "maxConcurrent": 5}]),
    ("execution.retries.total", 50),
    ("execution.activeDeadline", "2h"),
    ("execution.budget", "5.00"),
    ("execution.priority", -5),
]
