-- Removes the rows of endpoints that no event speaks of.
delete from calmony.endpoint p
 where not exists (select from calmony.event e where e.account = p.account and e.stream = p.id)
