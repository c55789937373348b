"""Holds what one library saw against what happened. It must not know how either came about. Standard library only."""


def judge(record, steps, matches):
    """What is wrong with a record, in words. `steps` are the devnet's: blocks added and removed, in their order."""
    added = [step for step in steps if step["step"] == "added"]
    removed = [step for step in steps if step["step"] == "removed"]
    problems = list(record["broken"])
    if not removed:
        problems.append("no block was taken back: nothing was proved")
    # Closing blocks come after what is judged.
    problems += heads(record["heads"][: len(added)], added)
    if record["blocks"]:
        numbers, expected = sorted(record["blocks"][: len(added)]), sorted(step["number"] for step in added)
        problems += differ("numbers of watched blocks", numbers, expected)
    problems += logs(record, added, removed, matches)
    if record["calls"] < 20:
        problems.append(f"only {record['calls']} calls were answered")
    return problems


def heads(seen, added):
    """Each once, in order. Where a library tells no hashes, numbers have to do."""
    if any("hash" in head for head in seen):
        expected = [{key: step[key] for key in ("number", "hash", "parent")} for step in added]
        return differ("heads", seen, expected)
    return differ("numbers of heads", [head["number"] for head in seen], [step["number"] for step in added])


def logs(record, added, removed, matches):
    """Those of added blocks once, in order; those of removed blocks once more, as retracted."""
    of = lambda steps: [key(step["hash"], log) for step in steps for log in step["logs"] if matches(log)]
    judged = {step["hash"] for step in added}
    seen = [log for log in record["logs"] if log["block"] in judged]
    alive = [key(log["block"], log) for log in seen if not log.get("removed")]
    gone = [key(log["block"], log) for log in seen if log.get("removed")]
    gone += [key(log["block"], log) for log in record.get("retracted", [])]
    problems = differ("logs", alive, of(added)) + differ("retractions", sorted(gone), sorted(of(removed)))
    if not gone:
        problems.append("no log was taken back: nothing was proved")
    # Taken back before the other side is told, where the library keeps one order for both.
    positions = [at for at, log in enumerate(seen) if log.get("removed")]
    if positions:
        before = {log["block"] for log in seen[: positions[0]]}
        if not {log["block"] for log in seen if log.get("removed")} <= before:
            problems.append("a log was taken back that had not been told")
        if positions != list(range(positions[0], positions[0] + len(positions))):
            problems.append("logs of the new side came between the retractions of the old one")
    return problems


def key(block, log):
    """What makes a log the one it is; libraries differ in how they write an address."""
    return (block, log["index"], log["address"].lower(), tuple(topic.lower() for topic in log["topics"]))


def differ(what, seen, expected):
    if seen == expected:
        return []
    twice = len(seen) - len({repr(one) for one in seen})
    known = {repr(one) for one in expected}
    missing = [one for one in expected if repr(one) not in {repr(one) for one in seen}]
    strange = [one for one in seen if repr(one) not in known]
    at = next((at for at, pair in enumerate(zip(seen, expected)) if pair[0] != pair[1]), min(len(seen), len(expected)))
    return [
        f"{what}: {len(seen)} seen, {len(expected)} expected, {twice} twice, {len(missing)} missing, "
        f"{len(strange)} strange, first difference at {at}: {seen[at : at + 1]} instead of {expected[at : at + 1]}"
    ]
