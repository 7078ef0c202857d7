-- The last position that was drawn, by whoever.
select coalesce(pg_sequence_last_value('calmony.event_position_seq'::regclass), 0)
