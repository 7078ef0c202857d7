-- A reader that goes forwards through the log looks how far positions have been drawn, and who is appending at that moment
-- (src/read/fence.rs).
grant select on sequence calmony.event_position_seq to calmony_reader;
