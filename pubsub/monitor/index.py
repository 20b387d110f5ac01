"""``/``: which pages there are. It loads nothing from elsewhere and runs no script."""

from __future__ import annotations

from html import escape

__all__ = ["PAGES", "index"]

#: path, title, what it shows, and parameters worth a link
PAGES = (
    ("/varz", "General", "configuration, uptime, memory, CPU, message counts", ()),
    (
        "/connz",
        "Connections",
        "who is connected, and who was",
        ("sort=msgs_to", "sort=pending", "subs=detail", "auth=1", "state=closed&sort=stop"),
    ),
    ("/routez", "Routes", "the other servers of the cluster", ("subs=1",)),
    ("/gatewayz", "Gateways", "the other clusters", ("accs=1", "accs=1&subs=1")),
    ("/leafz", "Leaf nodes", "the leaf nodes, and the hubs it is one of", ("subs=1",)),
    ("/subsz", "Subscriptions", "how many, and how matching does", ("subs=1",)),
    ("/accountz", "Accounts", "which there are, what they share", ("acc=$G",)),
    ("/accstatz", "Account figures", "how busy each account is", ("unused=1",)),
    ("/healthz", "Health probe", "200 while clients can connect", ("details=1",)),
)

_STYLE = """\
:root{color-scheme:light dark;--fg:#1c2430;--dim:#667085;--line:#e4e7ec;--bg:#fff;--hit:#0b6bcb}
@media(prefers-color-scheme:dark){:root{--fg:#e6e9ef;--dim:#98a2b3;--line:#2b3442;--bg:#12161d;\
--hit:#6cb2f7}}
body{margin:0;background:var(--bg);color:var(--fg);font:16px/1.5 system-ui,sans-serif}
main{max-width:44rem;margin:0 auto;padding:3rem 1.25rem}
h1{font-size:1.4rem;margin:0}
header p,dd{margin:0;color:var(--dim)}
code{font-size:.85rem}
dl{margin:2rem 0 0;border-top:1px solid var(--line)}
dl>div{padding:.9rem 0;border-bottom:1px solid var(--line)}
dt{font-weight:600}
a{color:var(--hit);text-decoration:none}
a:hover,a:focus{text-decoration:underline}
dd a{margin-right:.9rem;white-space:nowrap}
"""


def index(server_name: str, version: str, base_path: str) -> str:
    """The page, as HTML.

    :param version: what the server calls itself and its version.
    :param base_path: ``http_base_path``. Links are relative, so that they also work behind
        a proxy that adds a prefix of its own.
    """
    prefix = base_path.rstrip("/").rpartition("/")[2]
    prefix = f"{prefix}/" if prefix else ""
    entries = "\n".join(_entry(prefix, *page) for page in PAGES)
    title = f"{escape(server_name)} – NATS monitoring"
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>{title}</title>
<style>
{_STYLE}</style>
</head>
<body>
<main>
<header>
<h1>{escape(server_name)}</h1>
<p>{escape(version)}</p>
</header>
<dl>
{entries}
</dl>
</main>
</body>
</html>
"""


def _entry(prefix: str, path: str, title: str, about: str, examples: tuple[str, ...]) -> str:
    target = escape(f"{prefix}{path[1:]}")
    links = "".join(
        f'<a href="{target}?{escape(example)}"><code>?{escape(example)}</code></a>'
        for example in examples
    )
    more = f"<dd>{links}</dd>" if links else ""
    return (
        f'<div><dt><a href="{target}">{title}</a> <code>{path}</code></dt>'
        f"<dd>{about}</dd>{more}</div>"
    )
