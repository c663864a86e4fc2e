"""A small shop: the system under test of the compose file.

POST /orders with {"sku": "A-100"} asks the inventory for the item, then charges its price.
"""

import json
import os
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

INVENTORY_URL = os.environ["INVENTORY_URL"]
PAYMENT_URL = os.environ["PAYMENT_URL"]
BACKEND_SECONDS = 10


def call(url, body=None):
    """Returns the JSON that a backend answers."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=BACKEND_SECONDS) as response:
        return json.load(response)


class Shop(BaseHTTPRequestHandler):
    """Takes orders."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        """Takes an order."""
        length = int(self.headers.get("Content-Length", 0))
        try:
            order = json.loads(self.rfile.read(length))
            item = call(f"{INVENTORY_URL}/inventory/{order['sku']}")
            cents = round(float(item["price"]) * 100)
            charge = call(f"{PAYMENT_URL}/payment/charges", {"amount": cents, "currency": "EUR"})
            self.answer(201, {"item": item["name"], "charge": charge["id"]})
        except urllib.error.HTTPError as error:
            self.answer(404 if error.code == 404 else 502, {"error": f"a backend answered {error.code}"})
        except (ValueError, KeyError, TypeError) as error:
            self.answer(400, {"error": str(error)})
        except OSError as error:
            self.answer(502, {"error": str(error)})

    def answer(self, status, body):
        """Sends a response."""
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        """Logs nothing: it would be one line per order."""


if __name__ == "__main__":
    ThreadingHTTPServer(("0.0.0.0", int(os.environ["LISTEN_PORT"])), Shop).serve_forever()
