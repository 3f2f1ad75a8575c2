import base64, getpass, hashlib, hmac, json, os, re, select, socket, ssl, struct, subprocess, sys, time

PATIENCE = 10  # seconds that an answer may take
QUIET = 3  # seconds after which nothing is taken for nothing
AT_MOST = 180  # seconds for everything
SHOWN = 20  # lines of content that are shown
LINE_AT_MOST = 1 << 20  # octets of a line
ROUNDS_AT_MOST = 1000000  # of hashing a password in SCRAM

BEGUN = time.monotonic()
SECRETS, PASSWORDS, CUT = set(), {}, []
SESSIONS = {}


def password(user):
    """The password of a user, given once."""
    if user not in PASSWORDS:
        name = user.decode("utf-8", "replace")
        own = os.environ.get("PASSWORD_" + re.sub("[^A-Za-z0-9]", "_", name))
        given = own or os.environ.get("PASSWORD") or getpass.getpass("password of %s: " % show(user))
        PASSWORDS[user] = given.encode()
    return secret(PASSWORDS[user])


def secret(octets):
    SECRETS.add(octets)
    return octets


def part(octets, start, end):
    """What of a secret lies in one write; that write is not shown."""
    CUT.append(octets)
    return octets[start:end]


def swapped(octets):
    return secret(octets.swapcase())


def b64(octets):
    return secret(base64.b64encode(octets))


def apop(number, word):
    """The digest for the timestamp of a session's greeting."""
    stamp = re.search(rb"<[^>]*>", SESSIONS[number].greeting)
    return secret(hashlib.md5((stamp.group() if stamp else b"") + word).hexdigest().encode())


def cram(number, word):
    """The digest for the challenge that a session heard last."""
    challenge = base64.b64decode(SESSIONS[number].last[2:].strip() or b"", validate=False)
    return secret(hmac.new(word, challenge, "md5").hexdigest().encode())


def changed(digest):
    """A digest with another first digit."""
    return secret((b"1" if digest[:1] == b"0" else b"0") + digest[1:])


def spliced(octets, at, other):
    """With something put into it that does not belong there; None is behind it."""
    at = len(octets) if at is None else at
    return secret(octets[:at] + other + octets[at:])


def scram(number, word, bare, before, after, nonce, proof):
    """The client's last message in SCRAM-SHA-256, after what a session heard last. `bare` is the client's first one
    without its header; the nonce stands between `before` and `after`."""
    heard = base64.b64decode(SESSIONS[number].last[2:].strip() or b"", validate=False)
    asked = dict(part.split(b"=", 1) for part in heard.split(b",") if b"=" in part)
    whole, own = asked.get(b"r", b""), dict(part.split(b"=", 1) for part in bare.split(b","))[b"r"]
    other_end = whole[:-1] + (b"1" if whole.endswith(b"0") else b"0")
    without = before + {"whole": whole, "own": own, "other end": other_end}[nonce] + after
    rounds = int(asked.get(b"i", b"1"))
    if rounds > ROUNDS_AT_MOST:
        raise ValueError("the server wants the password hashed %d times" % rounds)
    salted = hashlib.pbkdf2_hmac("sha256", word, base64.b64decode(asked.get(b"s", b"")), rounds)
    signed = b",".join((bare, heard, without))
    key = hmac.new(salted, b"Client Key", "sha256").digest()
    signature = hmac.new(hashlib.sha256(key).digest(), signed, "sha256").digest()
    made = bytes(one ^ other for one, other in zip(key, signature))
    if proof == "one bit changed":
        made = bytes([made[0] ^ 1]) + made[1:]
    server = hmac.new(hmac.new(salted, b"Server Key", "sha256").digest(), signed, "sha256").digest()
    SESSIONS[number].proof = b"v=" + base64.b64encode(server)
    return without + b",p=" + secret(base64.b64encode(made))


def show(octets):
    """A line for people: nothing invisible, no secret."""
    for word in sorted(SECRETS, key=len, reverse=True):
        if len(word) > 2:
            octets = octets.replace(word, b"\xe2\x80\xb9secret %d\xe2\x80\xba" % len(word))
    octets, end = (octets[:-2], "") if octets.endswith(b"\r\n") else (octets, "‹no line end›")
    octets, end = (octets[:-1], "␊") if octets.endswith(b"\n") else (octets, end)
    text = octets.replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace")
    text = re.sub(r"(.)\1{40,}", lambda run: "%s × %d" % (run[1], len(run[0])), text)
    text = text if end else re.sub(" $", "␠", text)
    text = "".join(chr(0x2400 + ord(c)) if c < " " else "␡" if c == "\x7f" else c for c in text)
    return "".join(c if c.isprintable() else c.encode().hex(" ").join("‹›") for c in text) + end


def say(number, mark, text):
    print("[%d] %s %s" % (number, mark, text), flush=True)


def left(most):
    """Seconds that a wait may take; none of them lasts beyond the end of everything."""
    rest = BEGUN + AT_MOST - time.monotonic()
    if rest <= 0:
        sys.exit("not done after %d s: given up" % AT_MOST)
    return min(most, rest)


class Session:
    def __init__(self, number, tls):
        self.number, self.buffer, self.over = number, b"", False
        self.greeting, self.last, self.proof = None, b"", None
        self.asked, self.unfinished, self.answers = [], b"", b""
        self.named, self.count, self.marked = False, None, set()
        self.socket = socket.create_connection((HOST, PORT), left(PATIENCE))
        if tls:
            self.secure()
        say(number, "==", "connect implicit-tls" if tls else "connect")

    def secure(self):
        if self.buffer:
            say(self.number, "==", "in plaintext before the handshake: " + show(self.buffer))
            self.buffer = b""
        context = ssl.create_default_context(cafile=VERIFY if isinstance(VERIFY, str) else None)
        if not VERIFY:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.socket.settimeout(left(PATIENCE))
        self.socket = context.wrap_socket(self.socket, server_hostname=HOST)

    def more(self, seconds):
        """Reads more, if it comes in time."""
        if self.over:
            return False
        try:
            self.socket.settimeout(left(seconds))
            octets = self.socket.recv(65536)
        except TimeoutError:
            return False
        except ssl.SSLError as error:
            return self.ended(error.reason or str(error))
        except OSError as error:
            return self.ended("RST" if isinstance(error, ConnectionError) else str(error))
        self.buffer += octets
        return bool(octets) or self.ended("closed")

    def ended(self, how):
        self.over = True
        if self.buffer:
            say(self.number, "S:", show(self.buffer))
            self.buffer = b""
        say(self.number, "==", "ended by server, " + how)
        return False

    def line(self, seconds=PATIENCE):
        """A line of the server; what there is if none comes whole."""
        until = time.monotonic() + seconds
        while b"\n" not in self.buffer and len(self.buffer) < LINE_AT_MOST:
            if not self.more(max(0.01, until - time.monotonic())):
                if not self.over:
                    say(self.number, "==", "no line came within %d s" % seconds)
                break
        line, end, self.buffer = self.buffer.partition(b"\n")
        return line + end

    def status(self):
        line = self.line()
        if line:
            say(self.number, "S:", show(line))
        self.greeting = self.greeting if self.greeting is not None else line
        self.last = line
        return line

    def reply(self):
        """A status line, and which command it answers."""
        first = self.greeting is None
        line = self.status()
        if first or line.startswith(b"+ "):
            self.judge_proof(line)
            return line
        asked = self.asked.pop(0) if self.asked else b""
        words = line.split()
        if asked.upper() == b"STAT" and line.startswith(b"+OK") and len(words) > 1 and words[1].isdigit():
            self.count = int(words[1])
        self.answers = asked
        return line

    def judge_proof(self, line):
        """Whether what a server says to the client's proof in SCRAM is its own."""
        if self.proof is not None and not line.startswith(b"-ERR"):
            right = base64.b64decode(line[2:].strip() or b"", validate=False).split(b",")[0] == self.proof
            say(self.number, "==", "the server's proof is " + ("right" if right else "wrong"))
        self.proof = None

    def content(self, octets):
        """The content of a reply, to its end or to so many octets."""
        lines, read = [], 0
        while octets is None or read < octets:
            if octets is not None and self.buffer and b"\n" not in self.buffer:
                line, self.buffer = self.buffer, b""
            else:
                line = self.line()
            if not line:
                break
            lines.append(line)
            read += len(line)
            # A dot line that ends with LF alone is the end if nothing comes after it.
            alone = line == b".\n" and not self.buffer and not self.more(QUIET)
            if octets is None and (alone or line == b".\r\n"):
                break
        words = self.answers.split()
        if len(words) > 1 and words[0].upper() in (b"TOP", b"RETR") and words[1].isdigit():
            head = b"\n" + b"".join(lines).partition(b"\r\n\r\n")[0].lower()
            if b"\nx-poplab-fixture:" in head:
                self.marked.add(int(words[1]))
        hidden = 0
        for index, line in enumerate(lines):
            near = CONTENT_LINE is not None and abs(index - CONTENT_LINE) <= 3
            if index < SHOWN or near or index == len(lines) - 1:
                if hidden:
                    say(self.number, "S|", "… %d lines" % hidden)
                hidden = 0
                say(self.number, "S|", show(line))
            else:
                hidden += 1

    def send(self, octets):
        lines = (self.unfinished + octets).split(b"\r\n")
        self.unfinished = lines.pop()
        for line in lines + [self.unfinished]:
            verbs = [part.lstrip()[:4].upper() for part in re.split(b"[\r\n]", line)]
            if b"DELE" in verbs and self.named and not FAKE:
                self.look()
            self.named = self.named or not {b"PASS", b"APOP", b"AUTH"}.isdisjoint(verbs)
        self.asked += lines
        for line in [b""] if CUT else octets.splitlines(True):
            say(self.number, "C:", "‹%d octets, with a part of a secret›" % len(octets) if CUT else show(line))
        CUT.clear()
        try:
            self.socket.settimeout(left(PATIENCE))
            self.socket.sendall(octets)
        except OSError as error:
            say(self.number, "==", "cannot be sent: %s" % error)

    def look(self):
        """Nothing is deleted unless every message here bears poplab's marker."""
        waiting, unfinished = self.asked, self.unfinished
        self.asked, self.unfinished = [], b""
        if self.count is None:
            self.send(b"STAT\r\n")
            self.reply()
        for number in range(1, min(self.count or 0, 1000) + 1):
            if number not in self.marked:
                self.send(b"TOP %d 0\r\n" % number)
                if self.reply().startswith(b"+OK"):
                    self.content(None)
        if self.count is None or not self.marked.issuperset(range(1, self.count + 1)):
            sys.exit("nothing is deleted: not every message here bears poplab's marker")
        self.asked, self.unfinished = waiting, unfinished

    def silence(self):
        if self.buffer or self.more(QUIET):
            self.status()
        elif not self.over:
            say(self.number, "==", "nothing came for %d s" % QUIET)

    def until_end(self):
        until = time.monotonic() + PATIENCE
        while not self.over and time.monotonic() < until:
            if self.buffer:
                self.status()
            elif not self.more(until - time.monotonic()):
                break
        if not self.over:
            say(self.number, "==", "still open after %d s" % PATIENCE)

    def close(self, how):
        if self.socket.fileno() < 0:
            return
        say(self.number, "==", {"close": "closed", "abandon": "closed without close_notify", "reset": "reset",
                                "shutdown": "sending side shut down"}[how] + " by client")
        self.socket.settimeout(0)
        if how in ("close", "shutdown") and isinstance(self.socket, ssl.SSLSocket):
            try:
                self.socket.unwrap()
            except (OSError, ValueError):
                pass  # close_notify is out; nobody waits for the other one
        if how == "shutdown":
            try:
                socket.socket.shutdown(self.socket, socket.SHUT_WR)
            except OSError:
                pass
            return
        if how == "reset":
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def play():
    for number, what, *rest in CONVERSATION:
        if what == "connect":
            SESSIONS[number] = Session(number, rest[0])
            continue
        session = SESSIONS[number]
        if what == "send":
            session.send(rest[0]() if callable(rest[0]) else rest[0])
        elif what == "line":
            session.reply()
        elif what == "content":
            if not session.last.startswith(b"-ERR"):
                session.content(rest[0])
        elif what == "secure":
            session.secure()
        elif what == "silence":
            session.silence()
        elif what == "ended":
            session.until_end()
        else:
            session.close(what)


def start_fake():
    """Starts the server that was judged; its first line says where it is and who has an account."""
    global HOST, PORT, VERIFY
    fake = subprocess.Popen(FAKE, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    if not select.select([fake.stdout], [], [], left(60))[0]:
        fake.kill()
        sys.exit("the fake server did not start within 60 s")
    facts = json.loads(fake.stdout.readline() or b"null")
    if not facts:
        sys.exit("the fake server did not start: " + " ".join(FAKE))
    HOST, VERIFY = "127.0.0.1", facts["ca"]
    PORT = facts["tls_port"] if IMPLICIT_TLS else facts["port"]
    PASSWORDS.update((account["user"].encode(), account["password"].encode()) for account in facts["accounts"])
    return fake


def main():
    global HOST, PORT, FAKE
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    arguments = [word for word in sys.argv[1:] if word != "--allow-delete"]
    if len(arguments) not in (0, 2) or (arguments and not arguments[1].isdigit()):
        sys.exit("usage: python3 %s [--allow-delete] [HOST PORT]" % sys.argv[0])
    if arguments:
        HOST, PORT, FAKE = arguments[0], int(arguments[1]), []
    if DELETES and not FAKE and "--allow-delete" not in sys.argv:
        sys.exit("this sends DELE, so it changes mail: give --allow-delete, and only for accounts that are there for it")
    fake = start_fake() if FAKE else None
    try:
        play()
    except (OSError, ValueError) as error:
        sys.exit("ended early: %s" % error)
    finally:
        for session in SESSIONS.values():
            session.close("close")
        if fake:
            fake.stdin.close()
            try:
                fake.wait(10)
            except subprocess.TimeoutExpired:
                fake.kill()


main()
