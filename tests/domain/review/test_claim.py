from tests.support.desk import ASK_RULES, open_desk
async def test_smoke(world):
    desk = await open_desk(world, ASK_RULES)
    a,b,c = [ (await desk.receive(text=t))[0] for t in ("hello","bad one","doubtful thing")]
    for i in (a,b,c): print(await desk.client.look(i))
    print(await desk.moderator.claim())
