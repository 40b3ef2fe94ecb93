"""What ONNX exporters write into a graph for people, and how it is removed again."""

from __future__ import annotations

from google.protobuf.message import Message

NOTES = ("metadata_props", "doc_string")


def strip_notes(message: Message) -> None:
    """Remove all notes from an ONNX model, in place and at any depth; what it computes stays.

    torch's exporter notes for each node the stack trace that made it, with the folders of the
    machine, and which module and expression it comes from.
    """
    for field, value in message.ListFields():
        if field.name in NOTES:
            message.ClearField(field.name)
        elif field.message_type is not None:
            for part in [value] if isinstance(value, Message) else value:
                strip_notes(part)
