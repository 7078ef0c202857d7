-- The notices that are to be sent now, a few at once, those that have waited longest first.
select id, operation::text, tries
  from sandbox.notice
 where copies > 0 and due <= statement_timestamp()
 order by due
 limit 16
