"""What schemathesis sends is what clients of this library would."""

import schemathesis


@schemathesis.hook
def map_body(context, body):
    """Writes `6.0` as `6`: the former is no integer for the library, as it was none for the original's clients."""
    if isinstance(body, float) and body.is_integer() and abs(body) < 2**53:
        return int(body)
    if isinstance(body, list):
        return [map_body(context, item) for item in body]
    if isinstance(body, dict):
        return {name: map_body(context, value) for name, value in body.items()}
    return body
