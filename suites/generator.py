"""Compares generators of page views: ours, and two in Python.

    generator.py FILL BOOTSTRAP FOLDER

FILL is our example of that name. *Faker* asks the library for every member of every event, the way it is usually done;
*pools* draws from lists that Faker filled before, the way it is made fast. Each is a process; its CPU time is what the
system counted for it, brokers not included. Each topic must hold afterwards what was sent. Prints a line for each.
"""

import json
import os
import random
import subprocess
import sys
import time
import uuid
from datetime import datetime, timezone

POOL = 1_000
USERS = 20_000
COUNTS = {"ours": 2_000_000, "Faker": 20_000, "pools": 200_000}


def timestamp():
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def with_faker():
    from faker import Faker

    Faker.seed(1)
    fake = Faker()
    while True:
        user = f"user-{random.randint(1, USERS)}"
        yield user, json.dumps({
            "event_id": str(uuid.uuid4()), "user_id": user, "url": "/" + fake.uri_path(), "referrer": fake.uri(),
            "ua": fake.user_agent(), "session_id": str(uuid.uuid4()), "ts": timestamp(),
        }).encode()


def with_pools():
    from faker import Faker

    Faker.seed(1)
    fake = Faker()
    agents = [fake.user_agent() for _ in range(POOL)]
    paths = ["/" + fake.uri_path() for _ in range(POOL)]
    referrers = [fake.uri() for _ in range(POOL)]
    choice, number = random.choice, random.getrandbits
    while True:
        user = f"user-{1 + int(random.random() * USERS)}"
        yield user, (
            f'{{"event_id":"{uuid.UUID(int=number(128), version=4)}","user_id":"{user}","url":"{choice(paths)}",'
            f'"referrer":"{choice(referrers)}","ua":"{choice(agents)}",'
            f'"session_id":"{uuid.UUID(int=number(128), version=4)}","ts":"{timestamp()}"}}'
        ).encode()


def generate(how, count, target, topic):
    random.seed(1)
    events = with_faker() if how == "Faker" else with_pools()
    if not topic:
        with open(target, "wb") as file:
            for _ in range(count):
                file.write(next(events)[1] + b"\n")
        return
    from confluent_kafka import Producer

    failures = []
    producer = Producer({
        "bootstrap.servers": target, "compression.type": "lz4", "linger.ms": 20, "enable.idempotence": True,
    })
    for _ in range(count):
        key, value = next(events)
        while True:
            try:
                producer.produce(topic, value, key, on_delivery=lambda error, _: error and failures.append(error))
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
    if producer.flush(120) or failures:
        sys.exit(f"not delivered: {failures[:1]}")


def measured(command):
    """Wall and CPU seconds of a process."""
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{command} ended with {process.returncode}")
    return time.monotonic() - began, usage.ru_utime + usage.ru_stime


def new_topic(bootstrap, name):
    from confluent_kafka.admin import AdminClient, NewTopic

    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(name, 6, 1)])[name].result(30)


def records(bootstrap, topic):
    from confluent_kafka import Consumer, TopicPartition

    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "none"})
    marks = [consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=30) for p in range(6)]
    consumer.close()
    return sum(high - low for low, high in marks)


def main():
    fill, bootstrap, folder = sys.argv[1:]
    python = [sys.executable, __file__, "generate"]
    print(f"{'to':6} {'by':6} {'events':>9} {'events/s':>10} {'CPU us/event':>13}")
    for sink in ["file", "topic"]:
        cost = {}
        for how, count in COUNTS.items():
            path, topic = os.path.join(folder, f"{how}.jsonl"), f"{sink}-{how}-{os.getpid()}"
            if sink == "topic":
                new_topic(bootstrap, topic)
            if how == "ours":
                to = ["--out", path] if sink == "file" else ["--bootstrap", bootstrap, "--topic", topic]
                command = [fill, "--count", str(count), "--threads", "2", *to]
            else:
                to = [path] if sink == "file" else [bootstrap, topic]
                command = [*python, how, str(count), *to]
            seconds, cpu = measured(command)
            if sink == "topic" and (held := records(bootstrap, topic)) != count:
                sys.exit(f"{topic} holds {held} records of {count}")
            if sink == "file":
                with open(path, "rb") as file:
                    assert sum(1 for _ in file) == count
                os.remove(path)
            cost[how] = cpu / count * 1e6
            print(f"{sink:6} {how:6} {count:9} {count / seconds:10.0f} {cost[how]:13.2f}", flush=True)
        print(f"{sink:6} ours takes 1/{cost['Faker'] / cost['ours']:.0f} of the CPU of Faker, "
              f"1/{cost['pools'] / cost['ours']:.0f} of pools", flush=True)


if sys.argv[1] == "generate":
    generate(sys.argv[2], int(sys.argv[3]), *(sys.argv[4:] + [""])[:2])
else:
    main()
