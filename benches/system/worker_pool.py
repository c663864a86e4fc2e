"""A system under test: a service with a pool of workers, each of which makes one call to a backend for a request.

Requests that find all workers busy wait in a queue, for a limited time. `worker_pool.py PORT BACKEND_PORT`."""

import http.client
import queue
import socket
import sys
import threading
import time

WORKERS, QUEUE_SECONDS, BACKEND_SECONDS = 16, 0.15, 0.4
ANSWERS = {200: "OK", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout"}


def work(waiting, backend_port):
    connection = http.client.HTTPConnection("127.0.0.1", backend_port, timeout=BACKEND_SECONDS)
    while True:
        come, path, answer = waiting.get()
        if time.monotonic() - come > QUEUE_SECONDS:
            answer(503)
            continue
        try:
            connection.request("GET", path)
            status = connection.getresponse()
            status.read()
            answer(status.status if status.status in ANSWERS else 502)
        except socket.timeout:
            connection.close()
            answer(504)
        except (OSError, http.client.HTTPException):
            connection.close()
            answer(502)


def serve(client, waiting):
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    reader = client.makefile("rb")
    answered = threading.Event()

    def answer(status):
        try:
            client.sendall(f"HTTP/1.1 {status} {ANSWERS[status]}\r\nContent-Length: 0\r\n\r\n".encode())
        except OSError:
            pass
        answered.set()

    with client:
        while line := reader.readline():
            while reader.readline() not in (b"\r\n", b""):
                pass
            answered.clear()
            waiting.put((time.monotonic(), line.split()[1].decode(), answer))
            answered.wait()


def main():
    port, backend_port = int(sys.argv[1]), int(sys.argv[2])
    waiting = queue.SimpleQueue()
    for _ in range(WORKERS):
        threading.Thread(target=work, args=(waiting, backend_port), daemon=True).start()
    listener = socket.create_server(("127.0.0.1", port), backlog=1024)
    while True:
        client, _ = listener.accept()
        threading.Thread(target=serve, args=(client, waiting), daemon=True).start()


if __name__ == "__main__":
    main()
