"""results.json: sets of measurements, one for each machine and set of versions.

Every call of benchmarks/run replaces the entries that it measured and keeps the
others, so that a long run can be cut into many.
"""

import json

SCHEMA = {"schema": "qopt-benchmarks", "version": 1}


def load(path):
    if not path.exists():
        return {**SCHEMA, "sets": []}
    return json.loads(path.read_text())


def find_set(results, machine, versions):
    for found in results["sets"]:
        if found["machine"] == machine and found["versions"] == versions:
            return found
    found = {"machine": machine, "versions": versions, "entries": {}}
    results["sets"].append(found)
    return found


def save(path, results):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
