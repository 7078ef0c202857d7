-- The last position that was drawn in the log.
select coalesce(pg_sequence_last_value('calmony.event_position_seq'::regclass), 0) as position
