-- Where an event came from in a distributed trace: the traceparent of the API call that caused it (W3C Trace Context, version 00),
-- which the worker hands on to receivers.
alter table calmony.event
    add column trace text collate "C",
    -- Not valid: rows that are there have no trace, and looking at all of them would keep appends waiting.
    add constraint event_trace_is_a_traceparent check (trace ~ '^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$') not valid;
grant insert (trace) on calmony.event to calmony_api;
