-- The last position of the outbox. Index: outbox_position.
select coalesce((select position from calmony.outbox order by position desc limit 1), 0)
