# SPDX-License-Identifier: MIT
"""iperf_report.py FILE STREAMS RTT_MS LOSS: checks that the results of iperf3 --json are plausible.

STREAMS is the requested number in each direction; LOSS is 1 if packets were lost.
Retransmits, congestion window and round-trip time come from TCP_INFO of the sending side, so they are only
present if the client sends."""
import json
import sys

report = json.load(open(sys.argv[1]))
streams, rtt_ms, loss = (int(word) for word in sys.argv[2:5])


def check(condition, what):
    if not condition:
        sys.exit(f"{sys.argv[1]}: {what}")


check("error" not in report, report.get("error"))
end = report["end"]
both = "sum_sent_bidir_reverse" in end
check(len(end["streams"]) == streams * (2 if both else 1), f"{len(end['streams'])} streams")
for suffix in ("", "_bidir_reverse") if both else ("",):
    sent, received = end["sum_sent" + suffix], end["sum_received" + suffix]
    check(0 < received["bytes"] <= sent["bytes"], f"{received['bytes']} of {sent['bytes']} bytes came")
    check(received["bits_per_second"] > 1e6, f"{received['bits_per_second']} bit/s")
    check(not loss or sent["retransmits"] > 0, "nothing was sent again in spite of loss")
port = report["start"]["connecting_to"]["port"]
check(all(stream["remote_port"] == port for stream in report["start"]["connected"]), "another port")

for stream in end["streams"]:
    if not stream["sender"]["sender"]:
        continue
    sender = stream["sender"]
    check(sender["max_snd_cwnd"] > 1000, f"cwnd {sender['max_snd_cwnd']}")
    # At least the link's; above it is what waits in its queue.
    check(rtt_ms * 900 <= sender["min_rtt"] <= sender["mean_rtt"] <= sender["max_rtt"] < 2000000,
          f"rtt {sender['min_rtt']} {sender['mean_rtt']} {sender['max_rtt']} us")
for interval in report["intervals"]:
    for stream in interval["streams"]:
        check(not stream["sender"] or stream["retransmits"] >= 0 and stream["snd_cwnd"] > 1000
              and stream["rtt"] >= rtt_ms * 900, f"an interval: {stream}")
print(f"{end['sum_received']['bits_per_second'] / 1e6:.0f} Mbit/s, "
      f"{end['sum_sent']['retransmits']} retransmits")
