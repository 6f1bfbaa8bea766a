"""Three brokers of ours and three of Apache Kafka take the same records in turn, acknowledged by all in sync."""

import os
import re
import statistics
import subprocess
import sys
import time

from replication import Cluster, Loopback, fail, free_ports

TICKS = os.sysconf("SC_CLK_TCK")
PARTITIONS = 6
LOADS = {
    "100 B, lz4": {"count": 2_000_000, "size": 100, "rate": -1, "codec": "lz4", "linger": 5},
    "1 KiB": {"count": 400_000, "size": 1024, "rate": -1, "codec": "none", "linger": 5},
    "300 B, 5,000/s": {"count": 60_000, "size": 300, "rate": 5_000, "codec": "lz4", "linger": 0},
}
SENT = re.compile(
    r"(\d+) records sent, ([\d.]+) records/sec \(([\d.]+) MB/sec\), ([\d.]+) ms avg latency, [\d.]+ ms max latency, "
    r"(\d+) ms 50th, (\d+) ms 95th, (\d+) ms 99th"
)


class Ours:
    name = "ours"

    def __init__(self, program, folder):
        self.cluster = Cluster(program, folder, Loopback())
        self.bootstrap = self.cluster.network.bootstrap

    def pids(self):
        return [process.pid for process in self.cluster.processes.values()]

    def close(self):
        self.cluster.close()


class Kafka:
    name = "Apache Kafka"

    def __init__(self, tool, folder):
        self.tool = tool
        ports = free_ports()
        self.environment = dict(os.environ, KAFKA_PORTS=" ".join(map(str, ports)), KAFKA_DATA=f"{folder}/kafka")
        self.bootstrap = ",".join(f"127.0.0.1:{port}" for port in ports)
        self.call("start")

    def call(self, *arguments):
        command = [self.tool, *arguments]
        return subprocess.run(command, env=self.environment, check=True, capture_output=True, text=True).stdout

    def pids(self):
        return [int(self.call("pid", str(node))) for node in (1, 2, 3)]

    def close(self):
        self.call("stop")


def cpu(pids):
    """Seconds that these processes have used."""
    fields = [open(f"/proc/{pid}/stat").read().rsplit(") ", 1)[1].split() for pid in pids]
    return sum(int(field[11]) + int(field[12]) for field in fields) / TICKS


def memory(pids):
    """MiB that these processes hold."""
    lines = [line for pid in pids for line in open(f"/proc/{pid}/status") if line.startswith("VmRSS:")]
    return sum(int(line.split()[1]) for line in lines) / 1024


def produce(kafka, cluster, topic, load):
    """Records a second, latencies in ms, CPU of the brokers in us a record."""
    new = ["--create", "--topic", topic, "--partitions", str(PARTITIONS), "--replication-factor", "3"]
    kafka.call("topics", "--bootstrap-server", cluster.bootstrap, *new, "--config", "min.insync.replicas=2")
    before = cpu(cluster.pids())
    properties = [f"bootstrap.servers={cluster.bootstrap}", "acks=all", f"compression.type={load['codec']}"]
    properties += [f"linger.ms={load['linger']}", "batch.size=65536", "buffer.memory=67108864"]
    amount = ["--num-records", str(load["count"]), "--record-size", str(load["size"]), "--throughput", str(load["rate"])]
    told = kafka.call("producer-perf-test", "--topic", topic, *amount, "--producer-props", *properties)
    last = SENT.findall(told)[-1]
    ends = kafka.call("get-offsets", "--bootstrap-server", cluster.bootstrap, "--topic", topic)
    held = sum(int(line.rsplit(":", 1)[1]) for line in ends.split())
    if int(last[0]) != load["count"] or held != load["count"]:
        fail(f"{cluster.name}: {last[0]} sent, {held} held of {load['count']}")
    used = (cpu(cluster.pids()) - before) / load["count"] * 1e6
    return {"records/s": float(last[1]), "MB/s": float(last[2]), "p50 ms": int(last[4]), "p99 ms": int(last[6]), "CPU us": used}


def profile(pids, seconds, target):
    """Records what the processes do; the report is written by the returned function."""
    data = f"{target}.data"
    record = ["perf", "record", "-q", "-F", "499", "-o", data, "-p", ",".join(map(str, pids)), "--", "sleep", str(seconds)]
    recording = subprocess.Popen(record)

    def report():
        recording.wait()
        command = ["perf", "report", "-i", data, "--stdio", "--percent-limit", "0.7"]
        with open(target, "w") as out:
            subprocess.run(command, stdout=out, stderr=subprocess.DEVNULL, check=True)
        os.remove(data)

    return report


def median(rounds):
    return {key: statistics.median(one[key] for one in rounds) for key in rounds[0]}


def main():
    program, tool, folder, rounds, target = sys.argv[1:]
    kafka = Kafka(tool, folder)
    ours = Ours(program, folder)
    try:
        time.sleep(3)
        for cluster in (ours, kafka):
            produce(kafka, cluster, "warm-up", dict(LOADS["100 B, lz4"], count=500_000))
        if target:
            report = profile(ours.pids(), 10, target)
            produce(kafka, ours, "profile", LOADS["100 B, lz4"])
            report()
        for number, (name, load) in enumerate(LOADS.items()):
            seen = {ours.name: [], kafka.name: []}
            for turn in range(int(rounds)):
                for cluster in (ours, kafka) if turn % 2 else (kafka, ours):
                    seen[cluster.name].append(produce(kafka, cluster, f"load-{number}-{turn}", load))
            one, other = median(seen[ours.name]), median(seen[kafka.name])
            for key in one:
                print(f"{name:15} {key:10} ours {one[key]:11,.1f}  Kafka {other[key]:11,.1f}  ratio {one[key] / max(other[key], 1e-9):6.2f}", flush=True)
        for cluster in (ours, kafka):
            print(f"{cluster.name}: {memory(cluster.pids()):,.0f} MiB resident after that")
    finally:
        ours.close()
        kafka.close()


if __name__ == "__main__":
    main()
