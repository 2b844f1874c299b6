"""A service that greets pets."""
from http.server import BaseHTTPRequestHandler, HTTPServer

from awesome_lib import greet


def answer(path):
    """The answer to GET path: a status and a body."""
    name = path.strip("/")
    if not name:
        return 404, "which pet?"
    return 200, greet(name)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        status, body = answer(self.path)
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body.encode())


if __name__ == "__main__":
    HTTPServer(("", 8080), Handler).serve_forever()
