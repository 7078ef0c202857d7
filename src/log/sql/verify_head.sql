-- The last position of the log that was drawn.
select coalesce(pg_sequence_last_value('calmony.event_position_seq'::regclass), 0) as head
