"""Users of SASL: what coordinators and clients of Java are told of them."""

USERS = {"bob": "secret", "admin": "more secret"}
PROVIDER = "org.apache.zookeeper.server.auth.SASLAuthenticationProvider"


def write_jaas(path, section, module, **options):
    """A JAAS file with one section of one login module."""
    lines = "\n".join(f'    {key}="{value}"' for key, value in options.items())
    path.write_text(f"{section} {{\n    {module} required\n{lines};\n}};\n")
    return path


def write_digest_jaas(path, user, password):
    """What a client of Java is told to authenticate by DIGEST-MD5."""
    return write_jaas(
        path, "Client", "org.apache.zookeeper.server.auth.DigestLoginModule", username=user, password=password)


def jaas_flags(jaas):
    """What the Java client is told to authenticate by a JAAS file."""
    return [f"-Djava.security.auth.login.config={jaas}"]


def users_settings(folder):
    """What a coordinator is told to know the users of DIGEST-MD5."""
    jaas = write_jaas(
        folder / "server.jaas", "Server", "org.apache.zookeeper.server.auth.DigestLoginModule",
        **{f"user_{user}": password for user, password in USERS.items()})
    return {"java.security.auth.login.config": jaas, "authProvider.1": PROVIDER, "zookeeper.superUser": "admin"}
