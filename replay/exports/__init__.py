"""Writers of traces: what was read, treated and kept, in the format of another tool."""
