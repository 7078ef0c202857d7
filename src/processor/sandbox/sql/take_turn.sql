-- Waits until no other transaction decides.
select sandbox.take_turn()
