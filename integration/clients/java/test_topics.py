"""Topics, as Apache's Java client administers them."""

import pytest

from java_clients import error, kafka, listed, mapped, result


def created(admin, topic, partitions=3, **configs):
    new = kafka("clients.admin.NewTopic")(topic, partitions, 1).configs(mapped(configs))
    made = admin.createTopics(listed(new))
    result(made.all())
    return made


def test_topics_are_made_described_and_deleted_by_name_and_id(admin, topic):
    made = created(admin, topic, **{"retention.ms": "1000000"})
    identity = result(made.topicId(topic))
    assert result(made.numPartitions(topic)) == 3
    assert result(made.config(topic)).get("retention.ms").value() == "1000000"
    assert topic in set(result(admin.listTopics().names()))

    by_name = result(admin.describeTopics(listed(topic)).allTopicNames())[topic]
    TopicCollection = kafka("common.TopicCollection")
    by_id = result(admin.describeTopics(TopicCollection.ofTopicIds(listed(identity))).allTopicIds())[identity]
    for told in (by_name, by_id):
        assert (told.name(), told.topicId(), told.isInternal()) == (topic, identity, False)
        assert [[node.id() for node in one.replicas()] for one in told.partitions()] == [[1]] * 3
        assert [one.leader().id() for one in told.partitions()] == [1] * 3

    with pytest.raises(error("TopicExists")):
        created(admin, topic)
    result(admin.deleteTopics(TopicCollection.ofTopicIds(listed(identity))).all())
    with pytest.raises(error("UnknownTopicOrPartition")):
        result(admin.describeTopics(listed(topic)).allTopicNames())
    with pytest.raises(error("UnknownTopicId")):
        result(admin.describeTopics(TopicCollection.ofTopicIds(listed(identity))).allTopicIds())
    with pytest.raises(error("UnknownTopicOrPartition")):
        result(admin.deleteTopics(listed(topic)).all())
