"""What kazoo needs of a TLS connection: it waits for its socket between two frames, and does not look into what has been
decrypted already."""

import ssl

import pytest

from jute import GET_DATA, Wire, watched


@pytest.fixture
def coordinator(shared_stage):
    return shared_stage.coordinator(tls=True).start()


def test_no_frame_shares_a_record_with_another(coordinator, certificates):
    context = ssl.create_default_context(cafile=str(certificates.authority))
    context.load_cert_chain(certificates.certificate("alice"), certificates.key("alice"))
    with Wire(coordinator.secure_port) as wire:
        wire.socket = context.wrap_socket(wire.socket, server_hostname="localhost")
        assert wire.connect()
        many = 200
        # In one record, so that the answers leave together.
        with wire.together():
            for _ in range(many):
                wire.request(GET_DATA, watched("/zookeeper"))
        for number in range(1, many + 1):
            xid, _, error, _ = wire.answer(GET_DATA)
            assert (xid, error) == (number, 0)
            assert wire.socket.pending() == 0, f"more than answer {number} was in its record"
