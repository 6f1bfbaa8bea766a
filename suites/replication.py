"""Three brokers, each a process of its own, are killed or stopped under load; nothing acknowledged may be missing."""

import collections
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

TOPIC = "t"
PARTITIONS = 6
BROKERS = (1, 2, 3)
PATIENCE = 60


def free_ports():
    """Three ports with a free one behind each, for the brokers among themselves."""
    ports = []
    while len(ports) < len(BROKERS):
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            ports.append(port)
    return ports


class Cluster:
    def __init__(self, program, folder):
        self.program, self.folder, self.ports = program, folder, free_ports()
        self.bootstrap = ",".join(f"127.0.0.1:{port}" for port in self.ports)
        self.processes = {}
        for broker in BROKERS:
            self.start(broker)
        self.admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})

    def start(self, broker):
        log = open(f"{self.folder}/broker-{broker}.log", "a")
        environment = dict(os.environ, MINICLUSTER_ONLY=str(broker))
        command = [self.program, f"{self.folder}/data", *map(str, self.ports)]
        self.processes[broker] = subprocess.Popen(command, env=environment, stdout=log, stderr=log)

    def signal(self, broker, what):
        self.processes[broker].send_signal(what)
        if what == signal.SIGKILL:
            self.processes[broker].wait()

    def close(self):
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
                process.wait()

    def create(self):
        topic = NewTopic(TOPIC, PARTITIONS, len(BROKERS), config={"min.insync.replicas": "2"})
        deadline = time.time() + PATIENCE
        while True:
            try:
                return self.admin.create_topics([topic])[TOPIC].result(timeout=5)
            except Exception as error:
                if "ALREADY_EXISTS" in str(error):
                    return None
                if time.time() > deadline:
                    raise
                time.sleep(0.3)

    def state(self):
        """Controller, and leader and ISR of each partition."""
        while True:
            try:
                metadata = self.admin.list_topics(TOPIC, timeout=2)
                partitions = metadata.topics[TOPIC].partitions.values()
                return metadata.controller_id, [(p.leader, sorted(p.isrs)) for p in partitions]
            except Exception:
                time.sleep(0.1)

    def until(self, what, holds):
        start = time.time()
        while time.time() < start + PATIENCE:
            if holds(self.state()[1]):
                return time.time() - start
            time.sleep(0.05)
        sys.exit(f"FAILED: not after {PATIENCE} s: {what}; {self.state()}")


class Load(threading.Thread):
    """Numbers, in turn to all partitions."""

    def __init__(self, bootstrap):
        super().__init__()
        self.bootstrap, self.acknowledged, self.refused, self.over = bootstrap, {}, collections.Counter(), False

    def run(self):
        options = {"acks": "all", "enable.idempotence": True, "linger.ms": 5, "message.timeout.ms": 120000}
        producer = Producer({"bootstrap.servers": self.bootstrap, "log_level": 0, **options})
        number = 0
        while not self.over:
            for _ in range(20):
                try:
                    producer.produce(TOPIC, b"%d" % number, partition=number % PARTITIONS, on_delivery=self.delivered)
                except BufferError:
                    break
                number += 1
            producer.poll(0)
            time.sleep(0.01)
        producer.flush(PATIENCE)

    def delivered(self, error, message):
        if error:
            self.refused[error.name()] += 1
        else:
            self.acknowledged[message.partition(), message.offset()] = message.value()

    def await_more(self):
        """Records are acknowledged again."""
        enough, deadline = len(self.acknowledged) + 50, time.time() + PATIENCE
        while len(self.acknowledged) < enough:
            if time.time() > deadline:
                sys.exit("FAILED: nothing is acknowledged any more")
            time.sleep(0.02)


def read_all(bootstrap):
    options = {"group.id": "unused", "enable.auto.commit": False, "enable.partition.eof": True, "log_level": 0}
    consumer = Consumer({"bootstrap.servers": bootstrap, **options})
    consumer.assign([TopicPartition(TOPIC, partition, 0) for partition in range(PARTITIONS)])
    read, ended, deadline = {}, set(), time.time() + PATIENCE
    while len(ended) < PARTITIONS and time.time() < deadline:
        message = consumer.poll(1)
        if message is None:
            continue
        if message.error():
            ended.add(message.partition())
        else:
            read[message.partition(), message.offset()] = message.value()
    consumer.close()
    return read


def victims(loop, cluster, rng):
    """In turn the broker that leads most, the controller, any; and now and then all of them."""
    controller, partitions = cluster.state()
    if loop % 8 == 7:
        return list(BROKERS)
    led = collections.Counter(leader for leader, _ in partitions)
    return [[led.most_common(1)[0][0]], [controller], [rng.choice(BROKERS)]][loop % 3]


def drill(cluster, load, loops, rng, mode):
    took = []
    down, up = (signal.SIGKILL, None) if mode == "kill" else (signal.SIGSTOP, signal.SIGCONT)
    for loop in range(loops):
        chosen = victims(loop, cluster, rng)
        for broker in chosen:
            cluster.signal(broker, down)
        if len(chosen) == 1:
            took.append(cluster.until("others lead", lambda p: all(l > 0 and l not in chosen for l, _ in p)))
            load.await_more()
        time.sleep(rng.random() / 2)
        for broker in chosen:
            cluster.start(broker) if up is None else cluster.signal(broker, up)
        cluster.until("all are in sync", lambda p: all(l > 0 and len(isr) == 3 for l, isr in p))
        died = [broker for broker, process in cluster.processes.items() if process.poll() is not None]
        if died:
            sys.exit(f"FAILED: brokers {died} ended by themselves")
        print(f"{loop + 1}/{loops}: brokers {chosen}, {len(load.acknowledged)} acknowledged", flush=True)
    return took


def check(acknowledged, read):
    wrong = [place for place, value in acknowledged.items() if read.get(place) != value]
    for partition in range(PARTITIONS):
        places = sorted(place for place in read if place[0] == partition)
        values = [int(read[place]) for place in places]
        if values != sorted(set(values)):
            wrong.append((partition, "doubled or out of order"))
    return wrong


def main():
    program, folder, loops, seed, mode = sys.argv[1:]
    cluster = Cluster(program, folder)
    try:
        cluster.create()
        cluster.until("all are in sync", lambda p: len(p) == PARTITIONS and all(len(isr) == 3 for _, isr in p))
        load = Load(cluster.bootstrap)
        load.start()
        took = drill(cluster, load, int(loops), random.Random(int(seed)), mode)
        load.over = True
        load.join()
        read = read_all(cluster.bootstrap)
        wrong = check(load.acknowledged, read)
    finally:
        cluster.close()
    mean, most = sum(took) / max(len(took), 1), max(took, default=0)
    print(f"{len(load.acknowledged)} acknowledged, {len(read)} read, seed {seed}; others led after {mean:.2f} s, {most:.2f} s at most")
    if wrong or load.refused:
        sys.exit(f"FAILED: {len(wrong)} wrong, first {wrong[:5]}; refused {dict(load.refused)}")
    print("passes")


main()
