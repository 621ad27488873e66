"""Credentials of users as kafka-python's admin client manages them (KIP-554)."""

import uuid

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ScramMechanism, UserScramCredentialDeletion, UserScramCredentialUpsertion


@pytest.fixture
def admin(access):
    client = KafkaAdminClient(**access)
    yield client
    client.close()


def test_credentials_come_and_go(admin):
    user = f"user-{uuid.uuid4().hex[:8]}"
    altered = admin.alter_user_scram_credentials([
        UserScramCredentialUpsertion(user, "SCRAM-SHA-256", "secret"),
        UserScramCredentialUpsertion(user, "SCRAM-SHA-512", "secret", iterations=8192)])
    assert altered == {user: None}
    told = admin.describe_user_scram_credentials([user])[user]
    assert told["error"] is None
    assert sorted((info["mechanism"].value, info["iterations"]) for info in told["credential_infos"]) == [
        (1, 4096), (2, 8192)]
    assert user in admin.describe_user_scram_credentials()
    gone = [UserScramCredentialDeletion(user, mechanism)
            for mechanism in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512)]
    assert admin.alter_user_scram_credentials(gone) == {user: None}
    assert admin.describe_user_scram_credentials([user])[user]["error"]
    assert "does not exist" in admin.alter_user_scram_credentials(gone)[user]
