"""What the stand-in for W&B's server answers to each GraphQL operation, and what it remembers of it."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import yaml

Json = dict[str, Any]

PROJECT = {"id": "p", "entity": {"id": "e", "name": "tester"}}


@dataclass
class ArrivedRun:
    """What the server knows of one run."""

    name: str = ""
    group: str = ""
    job_type: str = ""
    project: str = ""
    tags: tuple[str, ...] = ()
    sweep: str = ""
    config: Json = field(default_factory=dict)
    history: list[Json] = field(default_factory=list)
    summary: Json = field(default_factory=dict)
    exit_code: int | None = None
    upserts: int = 0


@dataclass
class ArrivedSweep:
    """A sweep as it was made; `prior_runs` are ids of runs that were there before."""

    config: Json
    project: str
    prior_runs: list[str]


@dataclass
class ArrivedArtifact:
    """A version of an artifact; `files` maps names to the addresses that they were uploaded to."""

    name: str
    type: str
    run: str
    aliases: list[str]
    files: dict[str, str] = field(default_factory=dict)
    committed: bool = False


def _viewer(server: Any, variables: Json) -> Json:
    account = {"id": "1", "entity": "tester", "username": "tester", "flags": "{}", "email": "", "admin": False}
    return {"viewer": account | {"teams": {"edges": []}, "apiKeys": {"edges": []}}}


def _upsert_run(server: Any, variables: Json) -> Json:
    name = variables["name"]
    run = server.run(name)
    run.upserts += 1
    run.project = variables.get("project") or run.project
    run.name = variables.get("displayName") or run.name
    run.group = variables.get("groupName") or run.group
    run.job_type = variables.get("jobType") or run.job_type
    run.sweep = variables.get("sweep") or run.sweep
    run.tags = tuple(variables.get("tags") or run.tags)
    if variables.get("config"):
        run.config = {key: entry["value"] for key, entry in json.loads(variables["config"]).items()}
    bucket = {"id": f"r-{name}", "name": name, "displayName": run.name, "project": {**PROJECT, "name": run.project}}
    bucket |= {"config": "{}", "description": None, "sweepName": run.sweep or None}
    bucket |= {"historyLineCount": len(run.history)}
    return {"upsertBucket": {"bucket": bucket, "inserted": run.upserts == 1}}


def _resume_status(server: Any, variables: Json) -> Json:
    model: Json = {**PROJECT, "name": variables["project"], "bucket": None}
    run = server.runs.get(variables["name"])
    if run is not None:
        tail = json.dumps([json.dumps(row) for row in run.history[-1:]])
        model["bucket"] = {
            "id": "r",
            "name": variables["name"],
            "displayName": run.name,
            "notes": "",
            "tags": list(run.tags),
            "config": json.dumps({key: {"value": value} for key, value in run.config.items()}),
            "summaryMetrics": json.dumps(run.summary),
            "historyLineCount": len(run.history),
            "historyTail": tail,
            "eventsLineCount": 0,
            "eventsTail": "[]",
            "logLineCount": 0,
            "wandbConfig": json.dumps({"t": 1}),
        }
    return {"model": model}


def _upload_addresses(server: Any, variables: Json) -> Json:
    run = variables["run"]
    files = [{"name": name, "uploadUrl": f"{server.url}/upload/{run}/{name}"} for name in variables.get("files", ())]
    return {"createRunFiles": {"runID": "r", "uploadHeaders": [], "files": files}}


def _create_artifact(server: Any, variables: Json) -> Json:
    given = variables["input"]
    aliases = [alias["alias"] for alias in given.get("aliases") or ()]
    (name,) = given.get("artifactCollectionNames") or [given.get("artifactCollectionName")]
    server.artifacts.append(ArrivedArtifact(name, given["artifactTypeName"], given.get("runName") or "", aliases))
    made = {"id": str(len(server.artifacts) - 1), "state": "PENDING", "artifactSequence": {"latestArtifact": None}}
    return {"createArtifact": {"artifact": made}}


def _manifest(operation: str) -> Callable[[Any, Json], Json]:
    def answer(server: Any, variables: Json) -> Json:
        file = {"id": "f", "uploadUrl": f"{server.url}/manifest", "uploadHeaders": []}
        return {operation: {"artifactManifest": {"id": "m", "file": file}}}

    return answer


def _artifact_files(server: Any, variables: Json) -> Json:
    nodes = []
    for file in variables["input"]["artifactFiles"]:
        number, name = file["artifactID"], file["name"]
        address = f"/artifact/{number}/{name}"
        server.artifacts[int(number)].files[name] = address
        node = {"storagePath": address, "uploadUrl": server.url + address, "uploadHeaders": [], "artifact": {"id": "0"}}
        nodes.append({"node": node | {"uploadMultipartUrls": None}})
    return {"createArtifactFiles": {"files": {"edges": nodes}}}


def _commit_artifact(server: Any, variables: Json) -> Json:
    server.artifacts[int(variables["artifactID"])].committed = True
    return {"commitArtifact": {"artifact": {"id": variables["artifactID"], "digest": "d"}}}


def _upsert_sweep(server: Any, variables: Json) -> Json:
    prior = json.loads(variables.get("priorRunsFilters") or "{}").get("$or", ())
    name = f"sweep{len(server.sweeps)}"
    config = yaml.safe_load(variables["config"])
    server.sweeps[name] = ArrivedSweep(config, variables["projectName"], [each["name"] for each in prior])
    for each in server.sweeps[name].prior_runs:
        server.run(each).sweep = name
    sweep = {"name": name, "project": {**PROJECT, "name": variables["projectName"]}}
    return {"upsertSweep": {"sweep": sweep, "configValidationWarnings": []}}


def _upsert_view(server: Any, variables: Json) -> Json:
    server.views.append({**variables, "spec": json.loads(variables["spec"])})
    return {"upsertView": {"view": {"id": "v", "name": variables["name"]}, "inserted": True}}


def _default_entity(server: Any, variables: Json) -> Json:
    return {"viewer": {"id": "1", "entity": "tester"}}


REPLIES: dict[str, Callable[[Any, Json], Json]] = {
    "Viewer": _viewer,
    "GetDefaultEntity": _default_entity,
    "RunResumeStatus": _resume_status,
    "UpsertBucket": _upsert_run,
    "CreateRunFiles": _upload_addresses,
    "ServerFeaturesQuery": lambda server, variables: {"serverInfo": {"features": []}},
    "ArtifactType": lambda server, variables: {"project": None},
    "CreateArtifact": _create_artifact,
    "CreateArtifactManifest": _manifest("createArtifactManifest"),
    "UpdateArtifactManifest": _manifest("updateArtifactManifest"),
    "CreateArtifactFiles": _artifact_files,
    "CommitArtifact": _commit_artifact,
    "UpsertSweep": _upsert_sweep,
    "UpsertView2": _upsert_view,
}
