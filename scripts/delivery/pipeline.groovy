// Runs a scripted pipeline with steps of its own: groovy pipeline.groovy FILE WORKSPACE ORIGIN BRANCH [NAME=VALUE...].
// `sh` runs what it is given in WORKSPACE, `checkout` clones ORIGIN there, `cleanWs` empties it; the others are told, with what
// they were given, and go on with their closure. Values named `params.X` become parameters, the rest env.
import org.codehaus.groovy.control.CompilerConfiguration

abstract class Steps extends Script {
    static File workspace
    static String origin, branch
    static Map shell = [:]

    static int run(String script, Map more = [:]) {
        def builder = new ProcessBuilder('bash', '-euo', 'pipefail', '-c', script).directory(workspace).redirectErrorStream(true)
        builder.environment().putAll(shell + more)
        def process = builder.start()
        process.inputStream.eachLine { println "      | $it" }
        process.waitFor()
    }

    def sh(String script) {
        println "   sh $script"
        def code = run(script)
        if (code != 0) { throw new Exception("script returned exit code $code") }
    }

    def cleanWs() {
        println '   cleanWs'
        workspace.deleteDir()
        workspace.mkdirs()
    }

    def checkout(scm) {
        println "   checkout $branch"
        run("git clone --quiet --branch main '$origin' . && git remote -v | head -1")
        def commit = ['git', 'rev-parse', 'HEAD'].execute(null, workspace).text.trim()
        [GIT_COMMIT: commit, GIT_BRANCH: branch]
    }

    def withEnv(List<String> pairs, Closure body) {
        def before = shell
        shell = shell + pairs.collectEntries { it.toString().split('=', 2) as List }
        try { body() } finally { shell = before }
    }

    // A file that is a credential is one of SCRATCH, by its id.
    def withCredentials(List credentials, Closure body) {
        def files = credentials.findAll { it.file }.collect { "${it.variable}=${System.getenv('SCRATCH')}/credentials/${it.file}" }
        println "   withCredentials ${credentials.collect { it.file ?: it }}"
        withEnv(files, body)
    }

    def file(Map given) { [file: given.credentialsId, variable: given.variable] }

    def stage(String name, Closure body) {
        println "-- $name"
        body()
    }

    def methodMissing(String name, given) {
        def closure = given && given[-1] instanceof Closure ? given[-1] : null
        def rest = closure ? given.toList()[0..<-1] : given.toList()
        println "   $name ${rest.join(' ')}"
        closure ? closure() : [(name): rest]
    }
}

Steps.workspace = new File(args[1])
Steps.origin = args[2]
Steps.branch = args[3]
def env = [BUILD_NUMBER: '7', RUN_DISPLAY_URL: 'https://ci.example.com/7'], params = [deploy: false]
args.drop(4).each {
    def (name, value) = it.split('=', 2)
    name.startsWith('params.') ? params.put(name - 'params.', value) : env.put(name, value)
}
def configuration = new CompilerConfiguration(scriptBaseClass: Steps.name)
def binding = new Binding(env: env, params: params, scm: 'scm')
try {
    new GroovyShell(getClass().classLoader, binding, configuration).evaluate(new File(args[0]))
    println 'ended: SUCCESS'
} catch (Throwable error) {
    println "ended: FAILURE: $error"
    System.exit(1)
}
