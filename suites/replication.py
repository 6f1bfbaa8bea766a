"""Three brokers, each a process of its own, lose each other under load; nothing acknowledged may be missing."""

import collections
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

TOPIC = "t"
PARTITIONS = 6
BROKERS = (1, 2, 3)
PATIENCE = 60
NO_LEADER = KafkaError.LEADER_NOT_AVAILABLE


def fail(why):
    sys.exit(f"FAILED: {why}")


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


class Loopback:
    """All brokers on 127.0.0.1."""

    def __init__(self):
        self.addresses = [f"127.0.0.1:{port}" for port in free_ports()]
        self.bootstrap = ",".join(self.addresses)

    def command(self, broker):
        return []

    def close(self):
        pass


class Namespaces:
    """A network a broker, joined by a bridge; this process must be in a network namespace of its own."""

    def __init__(self):
        self.addresses = [f"10.77.0.{broker}:19092" for broker in BROKERS]
        self.bootstrap = ",".join(self.addresses)
        self.holders = {}
        run("ip link add br0 type bridge")
        run("ip addr add 10.77.0.254/24 dev br0")
        run("ip link set br0 up")
        run("ip link set lo up")
        for broker in BROKERS:
            holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
            self.holders[broker] = holder
            while os.readlink(f"/proc/{holder.pid}/ns/net") == os.readlink("/proc/self/ns/net"):
                time.sleep(0.01)
            run(f"ip link add to{broker} type veth peer name eth0 netns {holder.pid}")
            run(f"ip link set to{broker} master br0 up")
            self.inside(broker, f"ip addr add 10.77.0.{broker}/24 dev eth0")
            self.inside(broker, "ip link set eth0 up")
            self.inside(broker, "ip link set lo up")

    def command(self, broker):
        return ["nsenter", f"--net=/proc/{self.holders[broker].pid}/ns/net"]

    def inside(self, broker, command):
        run(command, self.command(broker))

    def cut(self, one, other):
        """Packets between the two vanish: nobody is told."""
        self.inside(one, f"ip route add blackhole 10.77.0.{other}/32")
        self.inside(other, f"ip route add blackhole 10.77.0.{one}/32")

    def mend(self, one, other):
        self.inside(one, f"ip route del blackhole 10.77.0.{other}/32")
        self.inside(other, f"ip route del blackhole 10.77.0.{one}/32")

    def close(self):
        for holder in self.holders.values():
            holder.kill()
            holder.wait()


def run(command, before=()):
    subprocess.run([*before, *command.split()], check=True)


class Cluster:
    def __init__(self, program, folder, network):
        self.program, self.folder, self.network = program, folder, network
        self.processes = {}
        self.silent = set()
        for broker in BROKERS:
            self.start(broker)

    def start(self, broker):
        log = open(f"{self.folder}/broker-{broker}.log", "a")
        environment = dict(os.environ, MINICLUSTER_ONLY=str(broker))
        command = [*self.network.command(broker), self.program, f"{self.folder}/data", *self.network.addresses]
        # In a session of its own: a group that is orphaned while one of it is stopped gets SIGCONT from the kernel.
        self.processes[broker] = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)

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
        self.network.close()

    def admin(self):
        """A new client that knows one broker: a client that knows more may stay with one that is cut off."""
        asked = random.choice([address for b, address in zip(BROKERS, self.network.addresses) if b not in self.silent])
        return AdminClient({"bootstrap.servers": asked, "log_level": 0})

    def create(self):
        topic = NewTopic(TOPIC, PARTITIONS, len(BROKERS), config={"min.insync.replicas": "2"})
        deadline = time.time() + PATIENCE
        while True:
            try:
                admin = self.admin()
                return admin.create_topics([topic])[TOPIC].result(timeout=5)
            except Exception as error:
                if "ALREADY_EXISTS" in str(error):
                    return None
                if time.time() > deadline:
                    raise
                time.sleep(0.3)

    def state(self):
        """Controller, and of each partition its leader, ISR and error, as some broker tells."""
        while True:
            try:
                metadata = self.admin().list_topics(TOPIC, timeout=1)
                partitions = sorted(metadata.topics[TOPIC].partitions.items())
                error = lambda p: p.error.code() if p.error else 0
                return metadata.controller_id, [(p.leader, sorted(p.isrs), error(p)) for _, p in partitions]
            except Exception:
                time.sleep(0.1)

    def leaders(self):
        return [leader for leader, _, _ in self.state()[1]]

    def until(self, what, holds):
        """How long it took, in seconds."""
        start = time.time()
        while time.time() < start + PATIENCE:
            if holds(self.state()[1]):
                return time.time() - start
            time.sleep(0.05)
        return fail(f"not after {PATIENCE} s: {what}; {self.state()}")

    def until_whole(self):
        self.until("all are in sync", lambda p: len(p) == PARTITIONS and all(l > 0 and len(i) == 3 for l, i, _ in p))
        died = [broker for broker, process in self.processes.items() if process.poll() is not None]
        if died:
            fail(f"brokers {died} ended by themselves")


class Load(threading.Thread):
    """Numbers, in turn to all partitions."""

    def __init__(self, bootstrap):
        super().__init__()
        self.bootstrap, self.acknowledged, self.refused, self.over = bootstrap, {}, collections.Counter(), False
        # librdkafka tells no offset where a request had no response, and one behind it was acknowledged.
        self.implied = set()
        self.counts, self.last, self.stall = [0] * PARTITIONS, [time.time()] * PARTITIONS, 0

    def run(self):
        options = {"acks": "all", "enable.idempotence": True, "linger.ms": 5, "message.timeout.ms": 240000}
        options["socket.timeout.ms"] = 10000  # what a stopped broker was sent is sent to another after that
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
            return
        partition, now = message.partition(), time.time()
        if message.offset() is None:
            self.implied.add((partition, message.value()))
        else:
            self.acknowledged[partition, message.offset()] = message.value()
        self.counts[partition] += 1
        self.stall = max(self.stall, now - self.last[partition])
        self.last[partition] = now

    def await_more(self):
        """Records of every partition are acknowledged again."""
        before, deadline = list(self.counts), time.time() + PATIENCE
        while any(now < then + 10 for now, then in zip(self.counts, before)):
            if time.time() > deadline:
                fail(f"nothing is acknowledged any more: {before}, {self.counts}")
            time.sleep(0.02)


def read(bootstrap, partitions):
    """The records of these partitions, from the first to the end."""
    options = {"group.id": "unused", "enable.auto.commit": False, "enable.partition.eof": True, "log_level": 0}
    consumer = Consumer({"bootstrap.servers": bootstrap, **options})
    consumer.assign([TopicPartition(TOPIC, partition, 0) for partition in partitions])
    found, ended, deadline = {}, set(), time.time() + PATIENCE
    while len(ended) < len(partitions) and time.time() < deadline:
        message = consumer.poll(1)
        if message is None:
            continue
        if message.error():
            ended.add(message.partition())
        else:
            found[message.partition(), message.offset()] = message.value()
    consumer.close()
    return found


class Drill:
    """One kind of trouble after the other."""

    def __init__(self, cluster, load, rng):
        self.cluster, self.load, self.rng = cluster, load, rng
        self.took, self.kinds = [], collections.Counter()

    def victims(self, loop):
        """In turn the broker that leads most, the controller, one that leads nothing (if there is one), any; and now
        and then all of them."""
        controller, _ = self.cluster.state()
        led = collections.Counter(self.cluster.leaders())
        idle = [broker for broker in BROKERS if not led[broker]]
        if loop % 8 == 7:
            return "all", list(BROKERS)
        kind = ("leader", "controller", "follower" if idle else "any")[loop % 3]
        one = {"leader": led.most_common(1)[0][0], "controller": controller, "follower": (idle or [0])[0]}
        return kind, [one.get(kind) or self.rng.choice(BROKERS)]

    def await_others(self, lost, before):
        """Leadership has moved away from the lost one. How many leaders that were."""
        self.took.append(self.cluster.until("others lead", lambda p: all(l > 0 and l != lost for l, _, _ in p)))
        self.load.await_more()
        return before.count(lost)

    def processes(self, loop, down, up):
        """Killed and started, or stopped and continued."""
        before = self.cluster.leaders()
        kind, chosen = self.victims(loop)
        for broker in chosen:
            self.cluster.signal(broker, down)
        self.cluster.silent = set(chosen) if len(chosen) == 1 else set()
        moves = self.await_others(chosen[0], before) if len(chosen) == 1 else 0
        if kind not in ("follower", "all") and not moves:
            fail(f"broker {chosen[0]} led nothing: no leadership moved")
        time.sleep(self.rng.random() / 2)
        for broker in chosen:
            self.cluster.start(broker) if up is None else self.cluster.signal(broker, up)
        self.cluster.silent = set()
        self.kinds[kind] += 1
        return f"{kind} {chosen}, {moves} leaders moved"

    def kill(self, loop):
        return self.processes(loop, signal.SIGKILL, None)

    def stop(self, loop):
        return self.processes(loop, signal.SIGSTOP, signal.SIGCONT)

    def cut(self, loop):
        """One is cut off from both others, or from one of them."""
        before = self.cluster.leaders()
        kind, chosen = self.victims(loop - loop // 8)
        lost = chosen[0]
        others = [broker for broker in BROKERS if broker != lost]
        if loop % 4 == 3:
            kind, others = "pair", others[:1]
        for other in others:
            self.cluster.network.cut(lost, other)
        self.cluster.silent = {lost}
        moves = 0
        if kind == "pair":
            time.sleep(self.rng.random() * 8)
            self.load.await_more()
        else:
            moves = self.await_others(lost, before)
        time.sleep(self.rng.random() * 2)
        for other in others:
            self.cluster.network.mend(lost, other)
        self.cluster.silent = set()
        self.kinds[kind] += 1
        return f"{kind} {lost} from {others}, {moves} leaders moved"

    def two(self, _):
        """Two are killed at once; the third alone acknowledges nothing, and gives what it leads to readers."""
        self.cluster.until("each leads something", lambda p: {l for l, _, _ in p} == set(BROKERS))
        survivor = self.rng.choice(BROKERS)
        lost = [broker for broker in BROKERS if broker != survivor]
        for broker in lost:
            self.cluster.signal(broker, signal.SIGKILL)
        self.cluster.silent = set(lost)
        known = dict(self.load.acknowledged)
        time.sleep(1)  # what had been on two of them may still be acknowledged
        silent = len(self.load.acknowledged)
        self.cluster.until("the dead lead nothing", lambda p: all(l in (survivor, -1) for l, _, _ in p))
        state = self.cluster.state()[1]
        if any((error == NO_LEADER) != (leader == -1) for leader, _, error in state):
            fail(f"errors and leaders don't fit: {state}")
        led = [partition for partition, (leader, _, _) in enumerate(state) if leader == survivor]
        found = read(self.cluster.network.bootstrap, led) if led else {}
        missing = [place for place, value in known.items() if place[0] in led and found.get(place) != value]
        if missing:
            fail(f"{len(missing)} acknowledged records can't be read of broker {survivor}, first {missing[:5]}")
        time.sleep(2)
        if len(self.load.acknowledged) != silent:
            fail(f"{len(self.load.acknowledged) - silent} records were acknowledged by broker {survivor} alone")
        self.cluster.start(lost[0])
        self.cluster.silent = {lost[1]}
        self.load.await_more()
        self.cluster.start(lost[1])
        self.cluster.silent = set()
        self.kinds["two"] += 1
        return f"{lost} down, {len(led)} partitions of broker {survivor} readable ({len(found)} records)"


def check(load, found):
    wrong = [place for place, value in load.acknowledged.items() if found.get(place) != value]
    wrong += load.implied - {(partition, value) for (partition, _), value in found.items()}
    for partition in range(PARTITIONS):
        places = sorted(place for place in found if place[0] == partition)
        values = [int(found[place]) for place in places]
        if values != sorted(set(values)):
            wrong.append((partition, "doubled or out of order"))
    return wrong


def main():
    program, folder, mode, loops, seed = sys.argv[1:]
    cluster = Cluster(program, folder, Namespaces() if mode == "cut" else Loopback())
    try:
        cluster.create()
        cluster.until_whole()
        load = Load(cluster.network.bootstrap)
        drill = Drill(cluster, load, random.Random(int(seed)))
        load.start()
        load.await_more()
        load.stall = 0
        try:
            for loop in range(int(loops)):
                told = getattr(drill, mode)(loop)
                cluster.until_whole()
                load.await_more()
                print(f"{loop + 1}/{loops}: {told}, {len(load.acknowledged)} acknowledged", flush=True)
        finally:
            load.over = True
            load.join()
        found = read(cluster.network.bootstrap, range(PARTITIONS))
        wrong = check(load, found)
    finally:
        cluster.close()
    took = sorted(drill.took)
    acknowledged = len(load.acknowledged) + len(load.implied)
    print(f"{mode}, seed {seed}: {dict(drill.kinds)}; {acknowledged} acknowledged, {len(found)} read")
    if took:
        print(f"others led after {sum(took) / len(took):.2f} s in the mean, {took[-1]:.2f} s at most")
    print(f"longest time without an acknowledgement in one partition {load.stall:.2f} s")
    if wrong or load.refused:
        fail(f"{len(wrong)} wrong, first {wrong[:5]}; refused {dict(load.refused)}")
    print("passes")


if __name__ == "__main__":
    main()
