"""Produces and consumes with confluent-kafka and kafka-python, each codec, explicit start offsets.

    python_clients.py BOOTSTRAP [confluent-kafka | kafka-python]

Prints a line for each client and codec; exits 1 at the first difference between what was sent and what was read.
"""

import sys
import time
import uuid

RECORDS = 2000
PARTITIONS = 3
CODECS = {
    "confluent-kafka": ["none", "gzip", "snappy", "lz4", "zstd"],
    "kafka-python": ["none", "gzip", "snappy", "lz4", "zstd"],
}
DEADLINE_S = 60


def events(codec):
    """(partition, key, value, headers) of each record; values long enough for codecs to have work."""
    for i in range(RECORDS):
        value = f"{codec} {i} ".encode() * 20
        yield i % PARTITIONS, f"key-{i}".encode(), value, [("seq", str(i).encode())]


def expected(codec):
    by_partition = {p: [] for p in range(PARTITIONS)}
    for partition, key, value, headers in events(codec):
        by_partition[partition].append((key, value, headers))
    return by_partition


def confluent(bootstrap, codec, topic):
    from confluent_kafka import Consumer, Producer, TopicPartition
    from confluent_kafka.admin import AdminClient, NewTopic

    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(topic, PARTITIONS, 1)])[topic].result(30)
    failures = []
    producer = Producer({
        "bootstrap.servers": bootstrap, "compression.type": codec, "enable.idempotence": True, "linger.ms": 5,
    })
    for partition, key, value, headers in events(codec):
        producer.produce(topic, value, key, partition, headers=headers,
                         on_delivery=lambda error, _: error and failures.append(error))
        producer.poll(0)
    if producer.flush(30) or failures:
        sys.exit(f"confluent-kafka {codec}: not delivered: {failures[:1]}")

    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "none", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, p, 0) for p in range(PARTITIONS)])
    read, end = {p: [] for p in range(PARTITIONS)}, time.monotonic() + DEADLINE_S
    while sum(map(len, read.values())) < RECORDS and time.monotonic() < end:
        message = consumer.poll(1)
        if message and not message.error():
            assert message.offset() == len(read[message.partition()])
            read[message.partition()].append((message.key(), message.value(), message.headers()))
        elif message:
            sys.exit(f"confluent-kafka {codec}: {message.error()}")
    for p in range(PARTITIONS):
        low, high = consumer.get_watermark_offsets(TopicPartition(topic, p), 10)
        assert (low, high) == (0, len(read[p])), (low, high)
    consumer.close()
    admin.delete_topics([topic])[topic].result(30)
    return read


def kafka_python(bootstrap, codec, topic):
    from kafka import KafkaConsumer, KafkaProducer, TopicPartition
    from kafka.admin import KafkaAdminClient, NewTopic

    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics([NewTopic(name=topic, num_partitions=PARTITIONS, replication_factor=1)])
    producer = KafkaProducer(
        bootstrap_servers=bootstrap, compression_type=None if codec == "none" else codec, acks="all", linger_ms=5,
    )
    sent = [producer.send(topic, value, key, headers, partition) for partition, key, value, headers in events(codec)]
    producer.flush(30)
    for future in sent:
        future.get(30)
    producer.close()

    consumer = KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, group_id=None)
    partitions = [TopicPartition(topic, p) for p in range(PARTITIONS)]
    consumer.assign(partitions)
    for partition in partitions:
        consumer.seek(partition, 0)
    read, end = {p: [] for p in range(PARTITIONS)}, time.monotonic() + DEADLINE_S
    while sum(map(len, read.values())) < RECORDS and time.monotonic() < end:
        for partition, messages in consumer.poll(timeout_ms=1000).items():
            for message in messages:
                assert message.offset == len(read[partition.partition])
                read[partition.partition].append((message.key, message.value, list(message.headers)))
    ends = consumer.end_offsets(partitions)
    assert all(ends[TopicPartition(topic, p)] == len(read[p]) for p in range(PARTITIONS)), ends
    consumer.close()
    admin.delete_topics([topic])
    admin.close()
    return read


CLIENTS = {"confluent-kafka": confluent, "kafka-python": kafka_python}


def main():
    bootstrap = sys.argv[1]
    for client in sys.argv[2:] or CLIENTS:
        for codec in CODECS[client]:
            began = time.monotonic()
            read = CLIENTS[client](bootstrap, codec, f"{client}-{codec}-{uuid.uuid4().hex[:8]}")
            if read != expected(codec):
                sys.exit(f"{client} {codec}: what was read differs from what was sent")
            print(f"ok: {client}, {codec}: {RECORDS} records there and back in {time.monotonic() - began:.1f} s")


if __name__ == "__main__":
    main()
