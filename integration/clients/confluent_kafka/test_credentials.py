"""Credentials of users as confluent-kafka's AdminClient manages them (KIP-554)."""

import uuid

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AdminClient, ScramCredentialInfo, ScramMechanism, UserScramCredentialDeletion, UserScramCredentialUpsertion)

from martlet import DEADLINE


@pytest.fixture
def admin(access):
    return AdminClient(access)


@pytest.fixture
def user():
    return f"user ü*{uuid.uuid4().hex[:8]}"


def alter(admin, *alterations):
    """The error of each user's future; None where it was done."""
    errors = {}
    for name, future in admin.alter_user_scram_credentials(list(alterations)).items():
        try:
            errors[name] = future.result(DEADLINE)
        except KafkaException as refused:
            errors[name] = refused.args[0].code()
    return errors


def described(admin, *users):
    infos = {}
    for name, future in admin.describe_user_scram_credentials(list(users)).items():
        infos[name] = {info.mechanism: info.iterations for info in future.result(DEADLINE).scram_credential_infos}
    return infos


def credential(user, mechanism, iterations=4096, password=b"secret", salt=None):
    return UserScramCredentialUpsertion(user, ScramCredentialInfo(mechanism, iterations), password, salt)


def test_credentials_come_change_and_go(admin, user):
    other = f"{user}-2"
    assert alter(
        admin, credential(user, ScramMechanism.SCRAM_SHA_256), credential(user, ScramMechanism.SCRAM_SHA_512, 8192),
        credential(other, ScramMechanism.SCRAM_SHA_512, 16384)) == {user: None, other: None}
    both = {ScramMechanism.SCRAM_SHA_256: 4096, ScramMechanism.SCRAM_SHA_512: 8192}
    assert described(admin, user, other) == {user: both, other: {ScramMechanism.SCRAM_SHA_512: 16384}}
    everybody = admin.describe_user_scram_credentials().result(DEADLINE)
    assert {user, other} <= set(everybody)
    assert alter(
        admin, credential(user, ScramMechanism.SCRAM_SHA_256, 5000),
        UserScramCredentialDeletion(user, ScramMechanism.SCRAM_SHA_512)) == {user: None}
    assert described(admin, user) == {user: {ScramMechanism.SCRAM_SHA_256: 5000}}
    assert alter(admin, UserScramCredentialDeletion(user, ScramMechanism.SCRAM_SHA_256)) == {user: None}
    with pytest.raises(KafkaException) as gone:
        described(admin, user)
    assert gone.value.args[0].code() == KafkaError.RESOURCE_NOT_FOUND


def test_what_makes_no_sense_is_refused(admin, user):
    assert alter(admin, credential(user, ScramMechanism.SCRAM_SHA_256, 4095)) == {
        user: KafkaError.UNACCEPTABLE_CREDENTIAL}
    assert alter(admin, credential(user, ScramMechanism.SCRAM_SHA_256, 16385)) == {
        user: KafkaError.UNACCEPTABLE_CREDENTIAL}
    assert alter(admin, UserScramCredentialDeletion(user, ScramMechanism.SCRAM_SHA_256)) == {
        user: KafkaError.RESOURCE_NOT_FOUND}
    twice = credential(user, ScramMechanism.SCRAM_SHA_256)
    assert alter(admin, twice, twice) == {user: KafkaError.DUPLICATE_RESOURCE}
    # All or nothing.
    assert alter(
        admin, credential(user, ScramMechanism.SCRAM_SHA_256),
        UserScramCredentialDeletion(user, ScramMechanism.SCRAM_SHA_512)) == {user: KafkaError.RESOURCE_NOT_FOUND}
    with pytest.raises(KafkaException):
        described(admin, user)
