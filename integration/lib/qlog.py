# SPDX-License-Identifier: MIT
# qlog.py client|server BYTES FILE...: reads traces as a qlog tool would, and checks their content.
# In each, the server has sent BYTES of a page to the client.
import json
import sys


def fail(why):
    print(why)
    sys.exit(1)


def read(path):
    with open(path, "rb") as file:
        texts = file.read().split(b"\x1e")
    if texts[0] != b"":
        fail(f"{path} does not begin with a record separator")
    return [json.loads(text) for text in texts[1:]]


REPAIR = 0x0C


def stream_bytes(records, name):
    """Returns the end of the stream data in packets of this name. REPAIR frames restore bytes of lost packets, but
    no more bytes than the REPAIR packets contain."""
    seen, repair_bytes = set(), 0
    for record in records:
        if record.get("name") == name:
            for frame in record["data"]["frames"]:
                if frame["frame_type"] == "stream":
                    seen.add((frame["offset"], frame["offset"] + frame["length"]))
                elif frame.get("raw_frame_type") == REPAIR:
                    repair_bytes += record["data"]["raw"]["length"]
    end = missing = 0
    for start, stop in sorted(seen):
        missing += max(0, start - end)
        if missing > repair_bytes:
            fail(f"bytes {end} to {start} are in no {name}")
        end = max(end, stop)
    return end


def check(side, size, path):
    records = read(path)
    head, events = records[0], records[1:]
    if head["qlog_version"] != "0.3" or head["qlog_format"] != "JSON-SEQ":
        fail(f"{path}: {head} is not what qvis opens")
    if head["trace"]["vantage_point"]["type"] != side:
        fail(f"{path} is not of the {side}")
    times = [event["time"] for event in events]
    if times != sorted(times):
        fail(f"{path}: time goes back")
    names = [event["name"] for event in events]
    for name in ("connectivity:connection_started", "connectivity:connection_closed"):
        if names.count(name) != 1:
            fail(f"{path}: {names.count(name)} {name}")
    big = "transport:packet_sent" if side == "server" else "transport:packet_received"
    if not size <= stream_bytes(events, big) <= size + 2000:
        fail(f"{path}: {stream_bytes(events, big)} bytes of the stream, not {size} and a head")
    metrics = {}
    for event in events:
        if event["name"] == "recovery:metrics_updated":
            metrics.update(event["data"])
    if not 15 < metrics["min_rtt"] < 100:
        fail(f"{path}: the round trip of 20 ms is {metrics['min_rtt']} ms")
    if side == "server" and names.count("recovery:packet_lost") < 5:
        fail(f"{path}: {names.count('recovery:packet_lost')} packets lost at 1 %")
    return head["trace"]["common_fields"]["group_id"], len(events)


def main():
    found = [check(sys.argv[1], int(sys.argv[2]), path) for path in sys.argv[3:]]
    print(", ".join(f"{count} events of {group}" for group, count in found))


main()
