#!/usr/bin/env python3
"""get_server.py FOLDER PORT_FILE LOG: a web server with faults, on 127.0.0.1 only, for tests/get_test.sh.

    GET /FAULTS/NAME        FOLDER/NAME, served as the faults say: words with commas between them, `none` for none

    cut=N        closes after N bytes of the body           cutonce=N   only the first time
    norange      knows no Range                             noname      neither ETag nor Last-Modified
    date         Last-Modified, no ETag                     deaf        does not know If-Range
    silent       deaf, and a 206 names no version           shift       a 206 begins elsewhere than it was asked to
    flip=N       byte N is wrong                            fliponce=N  only the first time
    size=N       Content-Length is N more (or less)         chunked     no length, chunks
    old          no length, the end is the end              huge        Content-Length of a petabyte
    code=N       the status N                               codeonce=N  only the first time
    moved        302 to the same without `moved`            linked      its hop names size and sum as the public host does
    liar         that sum is another one                    digest      the sum in Repr-Digest
    loop         302 to itself                              away=URL    302 to URL (`|` stands for /)
    slow         40 KiB each 20 ms                          hang=N      nothing more after N bytes
    garbage      is not HTTP                                headers     headers without end

LOG gets a line a request: path, Range, If-Range, status.
"""
import base64
import hashlib
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

folder, port_file, log = sys.argv[1:4]
seen = set()
lock = threading.Lock()


class Broken(Exception):
    """The connection is to end here."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def first_time(self, fault):
        with lock:
            new = (self.path, fault) not in seen
            seen.add((self.path, fault))
            return new

    def parse(self):
        _, words, name = self.path.split("?")[0].split("/", 2)
        self.faults = dict(w.partition("=")[::2] for w in words.split(","))
        for once in ("cut", "flip", "code"):
            if once + "once" in self.faults and self.first_time(once):
                self.faults[once] = self.faults[once + "once"]
        self.name = os.path.join(folder, os.path.basename(name))

    def note(self, code):
        fields = self.path, self.headers.get("Range", "-"), self.headers.get("If-Range", "-"), str(code)
        with lock, open(log, "a") as f:
            f.write(" ".join(fields) + "\n")

    def names(self, data):
        """Headers that name this version of the file."""
        if "noname" in self.faults:
            return []
        date = ("Last-Modified", self.date_time_string(os.stat(self.name).st_mtime))
        etag = ("ETag", '"%s"' % hashlib.md5(data).hexdigest())
        return [date] if "date" in self.faults else [date, etag]

    def start_of(self, data):
        """Where the answer begins, or None: everything."""
        asked, condition = self.headers.get("Range"), self.headers.get("If-Range")
        if not asked or "norange" in self.faults:
            return None
        known = [v for _, v in self.names(data)]
        if condition and condition not in known and not {"deaf", "silent"} & self.faults.keys():
            return None
        return int(asked.removeprefix("bytes=").rstrip("-"))

    def send(self, code, headers):
        self.note(code)
        self.send_response_only(code)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()

    def redirect(self, data):
        words = [w for w in self.path.split("/")[1].split(",") if w != "moved" and not w.startswith("away")]
        place = "/%s/%s" % (",".join(words) or "none", os.path.basename(self.name))
        headers = [("Location", self.faults.get("away", place).replace("|", "/")), ("Content-Length", "0")]
        if "linked" in self.faults:
            told = b"another" if "liar" in self.faults else data
            headers.append(("X-Linked-Size", str(len(data))))
            headers.append(("X-Linked-ETag", '"%s"' % hashlib.sha256(told).hexdigest()))
        self.send(302, headers)

    def body(self, data):
        if "chunked" in self.faults:
            for at in range(0, len(data), 50000):
                piece = data[at:at + 50000]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")
            return
        step = 40960 if "slow" in self.faults else 1 << 20
        stop = min(len(data), *(int(self.faults.get(f, len(data))) for f in ("cut", "hang")))
        for at in range(0, stop, step):
            self.wfile.write(data[at:min(at + step, stop)])
            if "slow" in self.faults:
                self.wfile.flush()
                time.sleep(0.02)
        self.wfile.flush()
        if "hang" in self.faults:
            time.sleep(30)
        if stop < len(data) or {"size", "huge", "old"} & self.faults.keys():
            raise Broken

    def serve(self):
        faults = self.faults
        if "garbage" in faults:
            self.wfile.write(b"SSH-2.0-server\r\n\r\n")
            raise Broken
        if "headers" in faults:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n")
            while True:
                self.wfile.write(b"X-More: and more\r\n" * 100)
        if "code" in faults or not os.path.exists(self.name):
            self.send(int(faults.get("code", 404)), [("Content-Length", "5")])
            self.wfile.write(b"oops\n")
            return
        with open(self.name, "rb") as f:
            data = f.read()
        if {"moved", "loop", "away"} & faults.keys():
            self.redirect(data)
            return
        start = self.start_of(data)
        names = self.names(data)
        if "digest" in faults:
            names.append(("Repr-Digest", "sha-256=:%s:" % base64.b64encode(hashlib.sha256(data).digest()).decode()))
        if "flip" in faults:
            at = int(faults["flip"])
            data = data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]
        size = len(data)
        if start is not None and start >= size:
            self.send(416, [("Content-Range", "bytes */%d" % size), ("Content-Length", "0")])
            return
        headers = [] if start is not None and "silent" in faults else names
        if "chunked" in faults:
            headers.append(("Transfer-Encoding", "chunked"))
        elif "old" not in faults:
            told = 10 ** 15 if "huge" in faults else size - (start or 0) + int(faults.get("size", 0))
            headers.append(("Content-Length", str(told)))
        if start is None:
            self.send(200, headers)
        else:
            begin = start + (7 if "shift" in faults else 0)
            self.send(206, headers + [("Content-Range", "bytes %d-%d/%d" % (begin, size - 1, size))])
        self.body(data[start or 0:])

    def do_GET(self):
        try:
            self.parse()
            self.serve()
        except (Broken, OSError):
            self.close_connection = True


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
with open(port_file + ".new", "w") as f:
    f.write(str(server.server_address[1]))
os.rename(port_file + ".new", port_file)
server.serve_forever()
